//! It has a runpath, and opens by bare name.
//! runpath: $ORIGIN/sub
#include "test.h"

int open_inner(void) {
  void *handle = opened("libinner.so", RTLD_NOW);
  if (handle == NULL) return 0;
  call(handle, "inner");
  return 1;
}
