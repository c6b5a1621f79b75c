//! The first of three layers.
//! needed: libnext2
#include "test.h"

int layer(void) {
  function *next = (function *)dlsym(RTLD_NEXT, "layer");
  return next == NULL ? 1 : next() * 10 + 1;
}
