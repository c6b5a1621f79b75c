//! What is weak and defined nowhere is at address 0; calling it is a trap that names it.
//!
//! needed: liba
//!
//! run: main.wasm
//!
//! run: --preload libhook.so main.wasm
//!
//! run: main.wasm call
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
