//! exit() runs the destructors too.
//! kind: program
#include "test.h"

int main(void) {
  opened("liba.so", RTLD_NOW);
  exit(4);
}
