//! Two libraries that share a third: it exists once.
//!
//! needed: libleft libright
//!
//! run: main.wasm
//! stdout: constructed 1 time
//! stdout: left 1, right 21, left 121
//! stdout: counter 121
#include <stdio.h>

int left(int value);
int right(int value);
extern int counter, constructed; /* of libbase, which main is not linked with itself */

int main(void) {
  printf("constructed %d time\n", constructed);
  printf("left %d, right %d, left %d\n", left(1), right(10), left(100));
  printf("counter %d\n", counter);
  return 0;
}
