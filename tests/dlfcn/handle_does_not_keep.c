//! What is found by handle does not stay for that.
//! kind: program
#include "test.h"

int main(void) {
  void *handle = opened("liba.so", RTLD_NOW | RTLD_GLOBAL);
  dlsym(handle, "a");
  closed(handle);
  loaded("liba.so");
}
