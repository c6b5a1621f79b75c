//! Those of a library that stays open are destructed at exit.
//! kind: program
#include "test.h"

static void handler(void) { puts("handler"); }
int main(void) {
  atexit(handler);
  call(opened("libstatics.so", RTLD_NOW), "late");
  puts("end");
}
