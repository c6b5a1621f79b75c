//! A path is not searched for.
//! kind: program
#include "test.h"

int main(void) {
  opened("./nowhere/liba.so", RTLD_NOW);
  opened("sub/liba.so", RTLD_NOW);
}
