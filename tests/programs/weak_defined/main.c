//! A weak definition serves until somebody in front of it defines the same.
//!
//! needed: liba libb
//!
//! run: main.wasm
//! stdout: main: weak in liba, liba: weak in liba, libb: weak in liba
//!
//! run: --preload libstrong.so main.wasm
//! stdout: main: strong, preloaded, liba: strong, preloaded, libb: strong, preloaded
//!
//! run: own.wasm
//! stdout: main: main, liba: main, libb: main
#include <stdio.h>

const char *who(void), *who_says_a(void), *who_says_b(void);

int main(void) {
  printf("main: %s, liba: %s, libb: %s\n", who(), who_says_a(), who_says_b());
  return 0;
}
