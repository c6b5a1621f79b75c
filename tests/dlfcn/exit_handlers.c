//! Handlers of the program run before the destructors of libraries.
//! kind: program
#include "test.h"

static void first(void) { puts("first"); }
static void second(void) { puts("second"); }
int main(void) {
  atexit(first);
  opened("liba.so", RTLD_NOW);
  atexit(second);
}
