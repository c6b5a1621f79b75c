//! It wraps the next definition of `who`.
#define NAME "next"
#include "loud.h"
#include "test.h"

int who(void) {
  function *next = (function *)dlsym(RTLD_NEXT, "who");
  if (next == NULL) return printf("RTLD_NEXT: %s\n", error());
  return next() + 1000;
}
