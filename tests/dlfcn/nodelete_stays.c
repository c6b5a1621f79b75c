//! With RTLD_NODELETE a library stays when it is closed; its destructors run at exit.
//! kind: program
#include "test.h"

int main(void) {
  void *handle = opened("liba.so", RTLD_NOW | RTLD_NODELETE);
  call(handle, "a");
  closed(handle);
  loaded("liba.so");
  call(opened("liba.so", RTLD_NOW), "a");
  puts("end");
}
