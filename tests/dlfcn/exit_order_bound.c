//! Bindings count in the order too.
//! kind: program
#include "test.h"

int main(void) {
  opened("liba.so", RTLD_NOW | RTLD_GLOBAL);
  opened("libasks.so", RTLD_NOW);
}
