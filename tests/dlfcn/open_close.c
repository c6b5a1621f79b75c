//! Opening runs the constructors, closing the destructors.
//! kind: program
#include "test.h"

int main(void) {
  puts("main");
  void *handle = opened("liba.so", RTLD_NOW);
  call(handle, "a");
  closed(handle);
  puts("end");
}
