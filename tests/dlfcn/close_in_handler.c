//! A handler closes a library.
//! kind: program
#include "test.h"

static void *handle;
static void handler(void) {
  puts("closing");
  closed(handle);
  puts("closed");
}
int main(void) {
  handle = opened("liba.so", RTLD_NOW);
  atexit(handler);
}
