//! A request that does not exist.
//! kind: program
#include "test.h"

int main(void) {
  void *handle = opened("liba.so", RTLD_NOW);
  char result[64];
  printf("%d ", dlinfo(handle, 99, result));
  puts(error());
}
