//! A main program that is not position independent: it brings memory, table and
//! stack along, and libraries are placed behind its data.
//!
//! needed: liba
//! cflags: -fno-pic
//! link: --import-undefined --unresolved-symbols=import-dynamic -Bdynamic --export-all --export-table --growable-table
//!
//! run: main.wasm
//! stdout: 42
//! stdout: 42
//! stdout: hello, a main at a fixed place
#include <stdio.h>

int twice(int value);
void call_back(int (*function)(int), int value);
const char *greet_main(void);

static int in_main = 20;
static int add_in_main(int value) { return value + in_main; }
const char *name_of_main(void) { return "a main at a fixed place"; }

int main(void) {
  printf("%d\n", twice(in_main + 1));
  call_back(add_in_main, 22);
  puts(greet_main());
  return 0;
}
