//! A weak definition serves until somebody in front of it defines the same.
//!
//! needed: liba libb
//!
//! run: main.wasm
//!
//! run: --preload libstrong.so main.wasm
//!
//! run: own.wasm
#include <stdio.h>

const char *who(void), *who_says_a(void), *who_says_b(void);

int main(void) {
  printf("main: %s, liba: %s, libb: %s\n", who(), who_says_a(), who_says_b());
  return 0;
}
