//! Nothing is constructed or destructed of a library that cannot be bound.
//! kind: program
#include "test.h"

int main(void) {
  opened("libstaticsundefined.so", RTLD_NOW);
  loaded("libstaticsundefined.so");
  closed(opened("liba.so", RTLD_NOW));
}
