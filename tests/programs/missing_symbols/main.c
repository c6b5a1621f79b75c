//! All missing symbols in one message, each with who needs it, before anything runs.
//!
//! needed: liba
//!
//! run: main.wasm
//! stderr: dynvm: 4 undefined symbols
//! stderr:   `missing_function` (needed by main.wasm, liba.so)
//! stderr:   `missing_data` (needed by main.wasm)
//! stderr:   `missing_in_a` (needed by liba.so)
//! stderr:   `missing_text` (needed by liba.so)
//! exit: 127
//!
//! run: --preload libsome.so main.wasm
//! stderr: dynvm: 2 undefined symbols
//! stderr:   `missing_function` (needed by main.wasm, liba.so)
//! stderr:   `missing_text` (needed by liba.so)
//! exit: 127
//!
//! run: --preload libsome.so --preload librest.so main.wasm
//! stdout: something ran
//! stdout: 71
#include <stdio.h>

int missing_function(int value);
extern int missing_data;
int a_function(void);
int (*const pointer)(int) = missing_function;

__attribute__((constructor)) static void construct(void) { puts("something ran"); }

int main(void) {
  printf("%d\n", pointer(missing_data) + a_function());
  return 0;
}
