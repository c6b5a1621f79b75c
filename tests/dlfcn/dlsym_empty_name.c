//! No symbol has the empty name.
//! kind: program
#include "test.h"

int main(void) {
  void *handle = opened("liba.so", RTLD_NOW);
  printf("%d\n", dlsym(handle, "") == NULL);
  puts(error());
}
