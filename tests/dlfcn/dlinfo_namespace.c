//! All is in one namespace.
//! kind: program
#include "test.h"

int main(void) {
  long id = 7;
  printf("%d ", dlinfo(opened("liba.so", RTLD_NOW), RTLD_DI_LMID, &id));
  printf("%ld\n", id);
}
