//! Without RTLD_GLOBAL others cannot use what a library defines.
//! kind: program
#include "test.h"

int main(void) {
  void *handle = opened("liba.so", RTLD_NOW);
  printf("who: %d\n", dlsym(RTLD_DEFAULT, "who") != NULL);
  puts(error());
  opened("libasks.so", RTLD_NOW);
  closed(handle);
}
