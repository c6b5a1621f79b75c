//! A library is global once its constructors have run, not before.
//! kind: program
#include "test.h"

int main(void) {
  opened("libasks.so", RTLD_NOW | RTLD_GLOBAL);
  opened("libopens.so", RTLD_NOW | RTLD_GLOBAL);
  printf("%d\n", dlsym(RTLD_DEFAULT, "opens") != NULL);
  printf("%d\n", dlsym(RTLD_DEFAULT, "who") != NULL);
}
