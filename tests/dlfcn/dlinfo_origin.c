//! The directory that a library was found in.
//! kind: program
#include "test.h"

int main(void) {
  char origin[4096];
  void *handle = opened("./sub/libinner.so", RTLD_NOW);
  printf("%d ", dlinfo(handle, RTLD_DI_ORIGIN, origin));
  puts(base_name(origin));
}
