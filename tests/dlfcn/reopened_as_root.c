//! A dependency that is opened by name finds its own dependencies.
//! kind: program
#include "test.h"

int main(void) {
  opened("libchain1.so", RTLD_NOW);
  void *second = opened("libchain2.so", RTLD_NOW);
  call(second, "chain3");
  call(second, "chain1");
}
