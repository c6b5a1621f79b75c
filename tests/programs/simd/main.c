//! Vectors of 128 bits, as arguments and results across modules too.
//!
//! needed: libvector
//! cflags: -msimd128
//!
//! run: main.wasm
//! stdout: 0.5 1 1.5 2
//! stdout: 255 200 0 255
//! stdout: 62496
#include <stdio.h>

typedef float floats __attribute__((vector_size(16)));
typedef unsigned char bytes __attribute__((vector_size(16)));

floats scaled(floats vector, float by);
bytes saturated_sum(bytes a, bytes b);
int dot(const short *a, const short *b, int count);

int main(void) {
  floats (*volatile pointer)(floats, float) = scaled;
  floats vector = pointer(scaled((floats){1, 2, 3, 4}, 2), 0.25f);
  printf("%g %g %g %g\n", vector[0], vector[1], vector[2], vector[3]);
  bytes sum = saturated_sum((bytes){200, 100, 0, 255}, (bytes){100, 100, 0, 255});
  printf("%d %d %d %d\n", sum[0], sum[1], sum[2], sum[3]);
  short a[64], b[64];
  for (int i = 0; i < 64; i++) a[i] = (short)(i - 32), b[i] = (short)(i * 3);
  printf("%d\n", dot(a, b, 64));
  return 0;
}
