//! Ten million tail calls back and forth between two modules, in one stack frame.
//!
//! needed: libodd
//! cflags: -mtail-call
//!
//! run: main.wasm
//! stdout: 1 1
#include <stdio.h>

int is_odd(int value);
int is_even(int value) {
  if (value == 0) return 1;
  __attribute__((musttail)) return is_odd(value - 1);
}

int main(void) {
  int (*volatile pointer)(int) = is_odd;
  printf("%d %d\n", is_even(10000000), pointer(10000001));
  return 0;
}
