//! The ways to fail, three modules deep, each with its backtrace.
//!
//! needed: liba libb
//!
//! run: main.wasm unreachable
//! stdout: back in main, about to unreachable
//! stderr: dynvm: wasm trap: unreachable
//! stderr:   #0 libb.so!b_fail+0x264
//! stderr:   #1 liba.so!a_fail+0x12
//! stderr:   #2 main.wasm!main+0x22
//! stderr:   #3 main.wasm!_start+0x49
//! exit: 134
//!
//! run: main.wasm divide
//! stdout: back in main, about to divide
//! stderr: dynvm: wasm trap: integer divide by zero
//! stderr:   #0 libb.so!divide+0x5
//! stderr:   #1 libb.so!b_fail+0x52
//! stderr:   #2 liba.so!a_fail+0x12
//! stderr:   #3 main.wasm!main+0x22
//! stderr:   #4 main.wasm!_start+0x49
//! exit: 134
//!
//! run: main.wasm overflow
//! stdout: back in main, about to overflow
//! stderr: dynvm: wasm trap: integer overflow
//! stderr:   #0 libb.so!divide+0x5
//! stderr:   #1 libb.so!b_fail+0x96
//! stderr:   #2 liba.so!a_fail+0x12
//! stderr:   #3 main.wasm!main+0x22
//! stderr:   #4 main.wasm!_start+0x49
//! exit: 134
//!
//! run: main.wasm null-call
//! stdout: back in main, about to null-call
//! stderr: dynvm: wasm trap: uninitialized element: table index 0 is null
//! stderr:   #0 libb.so!b_fail+0xc9
//! stderr:   #1 liba.so!a_fail+0x12
//! stderr:   #2 main.wasm!main+0x22
//! stderr:   #3 main.wasm!_start+0x49
//! exit: 134
//!
//! run: main.wasm wrong-type
//! stdout: back in main, about to wrong-type
//! stderr: dynvm: wasm trap: indirect call type mismatch: expected (f64) -> (f64), found `libb.so!return_one` of type () -> (i32) at table index 3
//! stderr:   #0 libb.so!b_fail+0x107
//! stderr:   #1 liba.so!a_fail+0x12
//! stderr:   #2 main.wasm!main+0x22
//! stderr:   #3 main.wasm!_start+0x49
//! exit: 134
//!
//! run: main.wasm no-function
//! stdout: back in main, about to no-function
//! stderr: dynvm: wasm trap: undefined element: table index 8388607, the table has 6 elements
//! stderr:   #0 libb.so!b_fail+0x13d
//! stderr:   #1 liba.so!a_fail+0x12
//! stderr:   #2 main.wasm!main+0x22
//! stderr:   #3 main.wasm!_start+0x49
//! exit: 134
//!
//! run: main.wasm out-of-bounds
//! stdout: back in main, about to out-of-bounds
//! stderr: dynvm: wasm trap: out of bounds memory access: address 0xfffffff0, the memory has 0x810000 bytes
//! stderr:   #0 libb.so!b_fail+0x17d
//! stderr:   #1 liba.so!a_fail+0x12
//! stderr:   #2 main.wasm!main+0x22
//! stderr:   #3 main.wasm!_start+0x49
//! exit: 134
//!
//! run: main.wasm write-out-of-bounds
//! stdout: back in main, about to write-out-of-bounds
//! stderr: dynvm: wasm trap: out of bounds memory access: address 0xfffffff0, the memory has 0x810000 bytes
//! stderr:   #0 libb.so!b_fail+0x1af
//! stderr:   #1 liba.so!a_fail+0x12
//! stderr:   #2 main.wasm!main+0x22
//! stderr:   #3 main.wasm!_start+0x49
//! exit: 134
//!
//! run: main.wasm bulk
//! stdout: back in main, about to bulk
//! stderr: dynvm: wasm trap: out of bounds memory access: address 0xfffffff0, the memory has 0x810000 bytes
//! stderr:   #0 libb.so!b_fail+0x1e1
//! stderr:   #1 liba.so!a_fail+0x12
//! stderr:   #2 main.wasm!main+0x22
//! stderr:   #3 main.wasm!_start+0x49
//! exit: 134
//!
//! run: main.wasm recursion
//! stderr-contains: call stack exhausted
//! stderr-contains: libb.so!b_recurse
//! stdout: back in main, about to recursion
//! exit: 134
//!
//! run: main.wasm abort
//! stdout: back in main, about to abort
//! stderr: dynvm: wasm trap: unreachable
//! stderr:   #0 libmini.so!abort+0x1
//! stderr:   #1 libb.so!b_fail+0x266
//! stderr:   #2 liba.so!a_fail+0x12
//! stderr:   #3 main.wasm!main+0x22
//! stderr:   #4 main.wasm!_start+0x49
//! exit: 134
//!
//! run: main.wasm assert
//! stdout: back in main, about to assert
//! stderr: libb.c:32: b_fail: assertion failed: zero == 1
//! stderr: dynvm: wasm trap: unreachable
//! stderr:   #0 libmini.so!__assert_fail+0x53
//! stderr:   #1 libb.so!b_fail+0x291
//! stderr:   #2 liba.so!a_fail+0x12
//! stderr:   #3 main.wasm!main+0x22
//! stderr:   #4 main.wasm!_start+0x49
//! exit: 134
#include <stdio.h>

void a_fail(const char *how, void (*last)(const char *));

static void in_main(const char *how) { printf("back in main, about to %s\n", how); }

int main(int argc, char **argv) {
  a_fail(argv[argc - 1], in_main);
  puts("nothing happened");
  return 0;
}
