//! Three wrappers that start-up loads, each calling the next one; one of them has not all symbols.
//! kind: program
//! needed: libwrap1 libwrap2 libwrap3
#include "test.h"

int work(void) {
  function *next = (function *)dlsym(RTLD_NEXT, "work");
  return next() * 10 + 7;
}
int main(void) {
  call(RTLD_DEFAULT, "work");
  call(RTLD_NEXT, "work");
  call(RTLD_DEFAULT, "ends");
}
