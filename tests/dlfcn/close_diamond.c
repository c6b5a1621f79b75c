//! A diamond.
//! kind: program
#include "test.h"

int main(void) {
  void *handle = opened("libtop.so", RTLD_NOW);
  call(handle, "top");
  closed(handle);
  puts("end");
}
