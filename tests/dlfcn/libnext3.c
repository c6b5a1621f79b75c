//! The last of three layers: nothing is behind it.
#include "test.h"

int layer(void) {
  function *next = (function *)dlsym(RTLD_NEXT, "layer");
  puts(error());
  return next == NULL ? 3 : 0;
}
