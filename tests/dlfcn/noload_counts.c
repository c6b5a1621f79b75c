//! RTLD_NOLOAD of what is loaded gives one more handle.
//! kind: program
#include "test.h"

int main(void) {
  void *first = opened("liba.so", RTLD_NOW);
  void *second = opened("liba.so", RTLD_NOW | RTLD_NOLOAD);
  printf("same: %d\n", first == second);
  closed(first);
  puts("still there");
  closed(second);
  puts("end");
}
