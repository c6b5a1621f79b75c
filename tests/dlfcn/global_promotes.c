//! Opening again with RTLD_GLOBAL makes a local library global.
//! kind: program
#include "test.h"

int main(void) {
  void *first = opened("liba.so", RTLD_NOW | RTLD_LOCAL);
  opened("libasks.so", RTLD_NOW);
  void *second = opened("liba.so", RTLD_NOW | RTLD_GLOBAL);
  printf("same: %d\n", first == second);
  call(opened("libasks.so", RTLD_NOW), "asks");
}
