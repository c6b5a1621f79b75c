//! A handler can open libraries.
//! kind: program
#include "test.h"

static void handler(void) {
  call(opened("liba.so", RTLD_NOW), "a");
  puts("handled");
}
int main(void) { atexit(handler); }
