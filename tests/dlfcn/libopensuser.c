//! Its constructor opens a library that needs this one.
#define NAME "opensuser"
#include "loud.h"
#include "test.h"

__attribute__((constructor)) static void open_user(void) {
  call(opened("libneedsopensuser.so", RTLD_NOW), "needs_opensuser");
}
int base(void) { return 3; }
