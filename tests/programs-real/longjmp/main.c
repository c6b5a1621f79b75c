//! setjmp and longjmp across libraries, in both encodings of exceptions.
//!
//! toolchain: base cxx
//! exceptions: exnref legacy
//! needed: libjump libtry
//!
//! run: -L $TOOLCHAIN/lib exnref/main.wasm
//! stdout: nothing 5
//! stdout: 0
//! stdout: 5
//! stdout: 1
//! stdout: 51
//! stdout: outwards: 12 after 2
//! stdout: out of qsort: 7 after 3
//! stdout: 550000
//!
//! run: -L $TOOLCHAIN/lib legacy/main.wasm
//! stdout: nothing 5
//! stdout: 0
//! stdout: 5
//! stdout: 1
//! stdout: 51
//! stdout: outwards: 12 after 2
//! stdout: out of qsort: 7 after 3
//! stdout: 550000
//!
//! run: -L $TOOLCHAIN/lib exnref/main.wasm lost
//! stderr-contains: wasm trap: uncaught exception: `longjmp` to a function that has returned
//! stderr-contains: main.wasm!main
//! exit: 134
//!
//! run: -L $TOOLCHAIN/lib legacy/main.wasm lost
//! stderr-contains: wasm trap: uncaught exception: `longjmp` to a function that has returned
//! stderr-contains: main.wasm!main
//! exit: 134
#include <stdio.h>
#include <stdlib.h>

#include "jump.h"

static void nothing(jmp_buf back, int argument) { printf("nothing %d\n", argument); }
static void at_once(jmp_buf back, int argument) { longjmp(back, argument); }
static void nested(jmp_buf back, int argument) { call_nested(back, argument, argument + 1); }

static jmp_buf outer;

// Inside one that is waiting for `back`, to the one around it.
static void outwards(jmp_buf back, int argument) { call_nested(outer, 3, argument); }

// A comparison that leaves qsort, which knows nothing of it.
static int compare(const void *one, const void *other) { longjmp(outer, 7); }

static jmp_buf gone;
static void lose(jmp_buf back, int argument) { __builtin_memcpy(gone, back, sizeof gone); }

int main(int argc, char **argv) {
  setvbuf(stdout, NULL, _IONBF, 0);
  if (argc > 1) {
    attempt(lose, 0);
    longjmp(gone, 1);
  }
  printf("%d\n", attempt(nothing, 5));
  printf("%d\n", attempt(at_once, 5));
  printf("%d\n", attempt(at_once, 0));
  printf("%d\n", attempt(nested, 50));
  volatile int steps = 0;
  int value = setjmp(outer);
  steps++;
  if (value == 0) {
    printf("never: %d\n", attempt(outwards, 12));
  } else if (value == 12) {
    int numbers[] = {2, 1};
    printf("outwards: %d after %d\n", value, steps);
    qsort(numbers, 2, sizeof *numbers, compare);
  } else {
    printf("out of qsort: %d after %d\n", value, steps);
  }
  long sum = 0;
  for (int i = 0; i < 100000; i++) sum += attempt(nested, i % 10);
  printf("%ld\n", sum);
}
