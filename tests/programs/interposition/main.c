//! Two libraries define the same symbols, which is legal: the first in scope wins,
//! and main and preloaded libraries are in front of all.
//!
//! needed: libred libblue libuser
//!
//! run: main.wasm
//!
//! run: bluefirst.wasm
//!
//! run: --preload libgreen.so main.wasm
//!
//! run: --preload libgreen.so --preload libblue.so main.wasm
//!
//! run: --preload libgreen.so own.wasm
#include <stdio.h>

#include "color.h"

int main(void) {
  printf("main: %s %d, libuser: %s %d\n", color(), shade, user_color(), user_shade());
  return 0;
}
