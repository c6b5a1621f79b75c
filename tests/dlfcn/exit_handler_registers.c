//! A handler can register another one.
//! kind: program
#include "test.h"

static void second(void) { puts("second"); }
static void first(void) {
  puts("first");
  atexit(second);
}
static void other(void) { puts("other"); }
int main(void) {
  atexit(other);
  atexit(first);
}
