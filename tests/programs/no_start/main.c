//! main() without a _start: it is called directly.
//!
//! crt1: no
//! link: -pie --experimental-pic --import-memory --export-dynamic --no-entry --unresolved-symbols=import-dynamic -Bdynamic
//!
//! run: main.wasm
//! stdout: main without _start
//! exit: 3
//!
//! run: arguments.wasm a b
//! stdout: 2 arguments
//! stdout: a
//! stdout: b
//!
//! run: nothing.wasm
//! stderr: dynvm: `nothing.wasm` has no entry point: expected `_start`, `main` or `_initialize`
//! exit: 127
#include <stdio.h>

int main(void) {
  puts("main without _start");
  return 3;
}
