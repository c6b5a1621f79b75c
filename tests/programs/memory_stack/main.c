//! A recursion that fills the stack that C has in memory before the stack of its calls is full.
//!
//! run: main.wasm 100
//! stdout: 100 calls deep
//!
//! run: --stack-size 256K main.wasm 100
//! stderr: dynvm: wasm trap: out of bounds memory access: address 0xfffff404, the memory has 0x50000 bytes; the stack in memory is full, `__stack_pointer` is 0xfffff3e0
//! stderr:   #0 main.wasm!below+0x22
//! stderr:   #1 main.wasm!below+0x4e (63 frames)
//! exit: 134
//!
//! run: main.wasm memory.fill
//! stderr: dynvm: wasm trap: out of bounds memory access: address 0xfffff3e0, the memory has 0x810000 bytes; the stack in memory is full, `__stack_pointer` is 0xfffff3e0
//! stderr:   #0 main.wasm!filled+0x1c
//! stderr:   #1 main.wasm!filled+0x4e (63 frames)
//! exit: 134
//!
//! run: main.wasm forever
//! stderr: dynvm: wasm trap: out of bounds memory access: address 0xfffff7df, the memory has 0x810000 bytes; the stack in memory is full, `__stack_pointer` is 0xfffff3e0
//! stderr:   #0 main.wasm!below+0x22
//! stderr:   #1 main.wasm!below+0x4e (63 frames)
//! exit: 134
#include <stdio.h>
#include <stdlib.h>

__attribute__((noinline)) static int below(int depth, const volatile char *above) {
  volatile char frame[4096];
  frame[depth & 1023] = (char)depth;
  if (above != NULL) frame[1024] = above[0];
  return depth == 0 ? 0 : below(depth - 1, frame) + (frame[depth & 1023] == (char)depth);
}

/* The access that fails is no instruction of its own. */
__attribute__((noinline)) static int filled(int depth, char *above) {
  char frame[4096];
  __builtin_memset(frame, depth, sizeof frame);
  if (above != NULL) above[0] = frame[depth & 1023];
  return depth == 0 ? 0 : filled(depth - 1, frame) + frame[0];
}

int main(int argc, char **argv) {
  if (argv[1][0] == 'm') return filled(-1, NULL);
  printf("%d calls deep\n", below(argv[1][0] == 'f' ? -1 : 100, NULL));
  return 0;
}
