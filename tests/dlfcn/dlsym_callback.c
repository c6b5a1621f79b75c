//! A library calls a function of the program.
//! kind: program
#include "test.h"

static int triple(int value) { return 3 * value; }
int main(void) {
  void *handle = opened("libcallback.so", RTLD_NOW);
  int (*apply)(int (*)(int), int) = (int (*)(int (*)(int), int))dlsym(handle, "apply");
  printf("%d\n", apply(triple, 4));
}
