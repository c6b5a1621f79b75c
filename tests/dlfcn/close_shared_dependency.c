//! Two users share one dependency.
//! kind: program
#include "test.h"

int main(void) {
  void *first = opened("libuse1.so", RTLD_NOW);
  void *second = opened("libuse2.so", RTLD_NOW);
  call(first, "use1");
  call(second, "use2");
  closed(first);
  call(second, "use2");
  closed(second);
  puts("end");
}
