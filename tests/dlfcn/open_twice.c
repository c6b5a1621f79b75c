//! The second dlopen gives the same handle and runs no constructor; the first dlclose runs no destructor.
//! kind: program
#include "test.h"

int main(void) {
  void *first = opened("liba.so", RTLD_NOW);
  void *second = opened("liba.so", RTLD_NOW);
  printf("same: %d\n", first == second);
  closed(first);
  call(second, "a");
  puts("closing again");
  closed(second);
  puts("end");
}
