//! Static tables of pointers to functions and data of other modules.
//!
//! needed: libops
//!
//! run: main.wasm
//! stdout: add(7, 3) = 10
//! stdout: sub(7, 3) = 4
//! stdout: power(7, 3) = 343
//! stdout: library: mul(7, 3) = 21
//! stdout: library: add(7, 3) = 10
//! stdout: uses: 2 1; the last sample is 7
#include <stdio.h>

#include "ops.h"

static int power(int a, int b) {
  int result = 1;
  while (b-- > 0) result *= a;
  return result;
}

/* Addresses of three modules, filled in by the dynamic linker before anything runs. */
static const struct op mine[] = {
    {"add", add, &uses_of_add},
    {"sub", sub, &uses_of_sub},
    {"power", power, &uses_of_add},
    {"print", (int (*)(int, int))(void *)0, (int *)0},
};
int (*const output)(const char *, ...) = printf;
static int *const last_element = &samples[3];

int main(void) {
  for (const struct op *op = mine; op->apply != NULL; op++) {
    ++*op->uses;
    output("%s(7, 3) = %d\n", op->name, op->apply(7, 3));
  }
  for (const struct op *op = library_ops; op->name != NULL; op++)
    output("library: %s(7, 3) = %d\n", op->name, op->apply(7, 3));
  output("uses: %d %d; the last sample is %d\n", uses_of_add, uses_of_sub, *last_element);
  return 0;
}
