//! What runs at the end, last in, first out; exit() within the program or from a library.
//!
//! needed: liba
//!
//! run: main.wasm
//! stdout: liba is constructed
//! stdout: main's second
//! stdout: registered at the end
//! stdout: main's first
//! stdout: main is destructed
//! stdout: liba is destructed
//! stdout: liba's
//! exit: 5
//!
//! run: main.wasm exit
//! stdout: liba is constructed
//! stdout: main's second
//! stdout: registered at the end
//! stdout: main's first
//! stdout: main is destructed
//! stdout: liba is destructed
//! stdout: liba's
//! exit: 1
//!
//! run: main.wasm library
//! stdout: liba is constructed
//! stdout: main's second
//! stdout: registered at the end
//! stdout: main's first
//! stdout: main is destructed
//! stdout: liba is destructed
//! stdout: liba's
//! exit: 2
//!
//! run: main.wasm _Exit
//! stdout: liba is constructed
//! exit: 4
//!
//! run: main.wasm trap
//! stdout: liba is constructed
//! stderr: dynvm: wasm trap: unreachable
//! stderr:   #0 main.wasm!main+0xd9
//! stderr:   #1 main.wasm!_start+0x49
//! exit: 134
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
