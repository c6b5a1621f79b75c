//! A closed library leaves the global scope.
//! kind: program
#include "test.h"

int main(void) {
  void *handle = opened("liba.so", RTLD_NOW | RTLD_GLOBAL);
  closed(handle);
  printf("who: %d\n", dlsym(RTLD_DEFAULT, "who") != NULL);
  puts(error());
}
