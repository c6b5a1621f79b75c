//! _Exit() does not.
//! kind: program
#include "test.h"

int main(void) {
  opened("liba.so", RTLD_NOW);
  fflush(stdout);
  _Exit(5);
}
