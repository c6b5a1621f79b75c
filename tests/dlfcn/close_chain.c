//! A chain goes from its start.
//! kind: program
#include "test.h"

int main(void) {
  void *handle = opened("libchain1.so", RTLD_NOW);
  call(handle, "chain1");
  closed(handle);
  puts("end");
}
