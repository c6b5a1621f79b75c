/* A library that wraps `work`, and what only the first and the last of three define. */
#include "test.h"

int work(void) {
  function *next = (function *)dlsym(RTLD_NEXT, "work");
  return (next == NULL ? 0 : next() * 10) + NUMBER;
}
int address_data = NUMBER;
int next_data(void) {
  int *next = (int *)dlsym(RTLD_NEXT, "address_data");
  return next == NULL ? -1 : *next;
}
#if NUMBER != 2
int ends(void) {
  function *next = (function *)dlsym(RTLD_NEXT, "ends");
  return (next == NULL ? 0 : next() * 10) + NUMBER;
}
#else
int next_of_first(void) { return dlsym(RTLD_NEXT, "only_first") != NULL; }
#endif
#if NUMBER == 1
int only_first(void) { return 1; }
#endif
