#include <assert.h>
#include <stdlib.h>
#include <string.h>

static volatile int zero, minus_one = -1;
static int *volatile bad = (int *)0xfffffff0;
static int return_one(void) { return 1; }

/* Not constants to the compiler, which takes a call that must fail for one that cannot happen. */
static void (*volatile null)(void);
static double (*volatile wrong_type)(double) = (double (*)(double))(void *)return_one;
static void (*volatile no_function)(void) = (void (*)(void))0x7fffff;

__attribute__((noinline)) static int divide(int a, int b) { return a / b; }
__attribute__((noinline)) int b_recurse(volatile int *depth) {
  volatile int here = *depth + 1;
  return here < 0 ? 0 : b_recurse(&here) + here;
}

void b_fail(const char *how) {
  if (strcmp(how, "unreachable") == 0) __builtin_trap();
  if (strcmp(how, "divide") == 0) zero = divide(1, zero);
  if (strcmp(how, "overflow") == 0) zero = divide((int)0x80000000, minus_one);
  if (strcmp(how, "null-call") == 0) null();
  if (strcmp(how, "wrong-type") == 0) wrong_type(1);
  if (strcmp(how, "no-function") == 0) no_function();
  if (strcmp(how, "out-of-bounds") == 0) zero = *bad;
  if (strcmp(how, "write-out-of-bounds") == 0) *bad = 1;
  if (strcmp(how, "bulk") == 0) memset((void *)bad, 0, 1000);
  if (strcmp(how, "recursion") == 0) zero = b_recurse(&zero);
  if (strcmp(how, "abort") == 0) abort();
  if (strcmp(how, "assert") == 0) assert(zero == 1);
}
