//! Four spellings of one file are one library.
//! kind: program
#include "test.h"

int main(void) {
  void *first = opened("liba.so", RTLD_NOW);
  printf("%d\n", first == opened("./liba.so", RTLD_NOW));
  printf("%d\n", first == opened("././liba.so", RTLD_NOW));
  printf("%d\n", first == opened("sub/../liba.so", RTLD_NOW));
}
