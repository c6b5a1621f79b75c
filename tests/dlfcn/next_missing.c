//! Nothing is behind the last definition.
//! kind: program
//! needed: liba
#include "test.h"

int main(void) {
  call(RTLD_NEXT, "main");
  call(RTLD_NEXT, "nowhere");
}
