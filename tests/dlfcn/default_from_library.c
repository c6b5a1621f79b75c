//! RTLD_DEFAULT is for the dso that asks: a local library sees its own scope.
//! kind: program
#include "test.h"

int main(void) {
  void *handle = opened("libresolves.so", RTLD_NOW);
  call(handle, "find_own");
  printf("%d\n", dlsym(RTLD_DEFAULT, "find_own") != NULL);
}
