//! The middle of a chain can be kept.
//! kind: program
#include "test.h"

int main(void) {
  void *first = opened("libchain1.so", RTLD_NOW);
  void *second = opened("libchain2.so", RTLD_NOW);
  closed(first);
  puts("first is closed");
  call(second, "chain2");
  closed(second);
  puts("end");
}
