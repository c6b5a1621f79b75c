//! The second of three layers.
//! needed: libnext3
#include "test.h"

int layer(void) {
  function *next = (function *)dlsym(RTLD_NEXT, "layer");
  return next == NULL ? 2 : next() * 10 + 2;
}
