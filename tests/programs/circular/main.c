//! Two libraries that need each other, share data and call back in both directions.
//!
//! needed: libping libpong
//!
//! run: main.wasm
//! stdout: ping 1
//! stdout: pong 2
//! stdout: ping 3
//! stdout: pong 4
//! stdout: ping 5
//! stdout: 5 hits, last by ping, 1 of them served
#include <stdio.h>

#include "table.h"

/* Called by libpong through its own name, and by libping through a pointer. */
void referee(const char *player, int count) { printf("%s %d\n", player, count); }

int main(void) {
  ball.hits_max = 5;
  ping(referee);
  printf("%d hits, last by %s, %d of them served\n", ball.hits, ball.last, served);
  return 0;
}
