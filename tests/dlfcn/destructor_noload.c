//! RTLD_NOLOAD in a destructor does not load, and is no error.
//! kind: program
#include "test.h"

static void *handle;
static void at_end(void) {
  void *b = dlopen("libb.so", RTLD_NOW | RTLD_NOLOAD);
  printf("%d: %s\n", b != NULL, error());
}
int main(void) {
  handle = opened("libdtorcalls.so", RTLD_NOW);
  *(void (**)(void))dlsym(handle, "at_end") = at_end;
  closed(handle);
}
