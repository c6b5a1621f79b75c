//! Its constructor opens itself.
#define NAME "opensitself"
#include "loud.h"
#include "test.h"

static void *handle;
__attribute__((constructor)) static void open_self(void) {
  handle = opened("libopensitself.so", RTLD_NOW);
  call(handle, "myself");
}
int myself(void) { return 9; }
int close_myself(void) { return dlclose(handle); }
