//! What is weak and defined nowhere is at address 0; calling it is a trap that names it.
//!
//! needed: liba
//!
//! run: main.wasm
//! stdout: function missing, data missing
//! stdout: from the library: -1
//!
//! run: --preload libhook.so main.wasm
//! stdout: function there, data there
//! stdout: from the library: 101
//! stdout: called: 102, data 7
//!
//! run: main.wasm call
//! stdout: function missing, data missing
//! stdout: from the library: -1
//! stderr: dynvm: wasm trap: undefined symbol: `hook` (needed by main.wasm)
//! stderr:   #0 main.wasm!main+0xcd
//! stderr:   #1 main.wasm!_start+0x49
//! exit: 134
#include <stdio.h>

__attribute__((weak)) int hook(int value);
__attribute__((weak)) extern int hook_data;
int library_hook(int value);

int main(int argc, char **argv) {
  printf("function %s, data %s\n", hook == NULL ? "missing" : "there",
         &hook_data == NULL ? "missing" : "there");
  printf("from the library: %d\n", library_hook(1));
  if (hook != NULL) printf("called: %d, data %d\n", hook(2), hook_data);
  if (argc > 1) return hook(3);
  return 0;
}
