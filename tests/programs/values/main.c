//! Arguments and results of every kind, through calls by name and through pointers.
//!
//! needed: libvalues
//!
//! run: main.wasm
//! stdout: 1099511626057 21224
//! stdout: 2.5 1.0
//! stdout: 2.333 1.750
//! stdout: 16777216.000000 -1 -2
//! stdout: 24 6148914691236517205
//! stdout: 127
//! stdout: 0 45
#include <stdio.h>

#include "values.h"

static double mains_mean(int count, ...) {
  va_list args;
  va_start(args, count);
  double result = mean_of(count, args);
  va_end(args);
  return result;
}

int main(void) {
  long long (*volatile mix_pointer)(char, short, int, long long, float, double) = mix;
  struct pair (*volatile swap_pointer)(struct pair) = swapped;
  printf("%lld %lld\n", mix(1, -2, 3, 1ll << 40, 0.5f, -0.25), mix_pointer(-1, 2, -3, 5, 1.5f, 2));
  struct pair pair = swap_pointer(swapped(swapped((struct pair){1, 2.5})));
  printf("%.1f %.1f\n", pair.a, pair.b);
  printf("%.3f %.3f\n", mean(3, 1.0, 2.0, 4.0), mains_mean(2, 1.5, 2.0));
  printf("%f %g %lld\n", float_of(16777217), double_of(-1), truncated(-2.9));
  printf("%u %llu\n", rotate(0x80000001u, 4), (unsigned long long)-1 / 3);
  printf("%d\n", many(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12));
  struct large large = make_large(3);
  printf("%d %d\n", large.values[0], large.values[15]);
  return 0;
}
