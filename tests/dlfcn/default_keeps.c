//! What the program found by RTLD_DEFAULT stays, although its handle is closed.
//! kind: program
#include "test.h"

int main(void) {
  void *handle = opened("liba.so", RTLD_NOW | RTLD_GLOBAL);
  dlsym(RTLD_DEFAULT, "a");
  closed(handle);
  puts("closed");
  loaded("liba.so");
}
