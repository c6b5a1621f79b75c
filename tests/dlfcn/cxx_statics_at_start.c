//! Objects of a library that start-up loads.
//! kind: program
//! needed: libstatics
#include "test.h"

int main(void) {
  void *handle = opened("libstatics.so", RTLD_NOW);
  closed(handle);
  closed(handle);
  call(RTLD_DEFAULT, "never");
}
