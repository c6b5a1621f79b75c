//! dlopen(NULL) and dlopen("") give the program.
//! kind: program
#include "test.h"

int main(void) {
  void *self = dlopen(NULL, RTLD_NOW);
  printf("%d %d\n", self != NULL, self == dlopen("", RTLD_LAZY));
}
