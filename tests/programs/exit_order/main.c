//! What runs at the end, last in, first out; exit() within the program or from a library.
//!
//! needed: liba
//!
//! run: main.wasm
//!
//! run: main.wasm exit
//!
//! run: main.wasm library
//!
//! run: main.wasm _Exit
//!
//! run: main.wasm trap
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void a_exit(int status);

static void late(void) { puts("registered at the end"); }
static void first(void) { puts("main's first"); }
static void second(void) {
  puts("main's second");
  atexit(late);
}
__attribute__((destructor)) static void destruct(void) { puts("main is destructed"); }

int main(int argc, char **argv) {
  atexit(first);
  atexit(second);
  const char *way = argc > 1 ? argv[1] : "";
  if (strcmp(way, "exit") == 0) exit(1);
  if (strcmp(way, "library") == 0) a_exit(2);
  if (strcmp(way, "_Exit") == 0) _Exit(4);
  if (strcmp(way, "trap") == 0) __builtin_trap();
  return 5;
}
