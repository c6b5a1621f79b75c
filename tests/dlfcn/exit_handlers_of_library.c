//! A library's handlers run among the program's, its destructor behind them.
//! kind: program
#include "test.h"

static void handler(void) { puts("the program's"); }
int main(void) {
  void *handle = opened("libregisters.so", RTLD_NOW);
  atexit(handler);
  call(handle, "registers");
}
