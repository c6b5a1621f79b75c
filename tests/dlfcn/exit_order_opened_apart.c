//! The order is that of needs, not of opening.
//! kind: program
#include "test.h"

int main(void) {
  opened("liba.so", RTLD_NOW);
  opened("libb.so", RTLD_NOW);
  opened("libuser.so", RTLD_NOW);
  opened("libchain2.so", RTLD_NOW);
  opened("libchain1.so", RTLD_NOW);
}
