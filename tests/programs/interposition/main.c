//! Two libraries define the same symbols, which is legal: the first in scope wins,
//! and main and preloaded libraries are in front of all.
//!
//! needed: libred libblue libuser
//!
//! run: main.wasm
//! stdout: main: red 1, libuser: red 1
//!
//! run: bluefirst.wasm
//! stdout: main: blue 2, libuser: blue 2
//!
//! run: --preload libgreen.so main.wasm
//! stdout: main: green 3, libuser: green 3
//!
//! run: --preload libgreen.so --preload libblue.so main.wasm
//! stdout: main: green 3, libuser: green 3
//!
//! run: --preload libgreen.so own.wasm
//! stdout: main: white 4, libuser: white 4
//!
//! run: --preload libnone.so main.wasm
//! stderr: dynvm: cannot read `libnone.so`: no such file
//! exit: 127
//!
//! run: --preload main.c main.wasm
//! stderr: dynvm: cannot load `./main.c`: not a WebAssembly module
//! exit: 127
#include <stdio.h>

#include "color.h"

int main(void) {
  printf("main: %s %d, libuser: %s %d\n", color(), shade, user_color(), user_shade());
  return 0;
}
