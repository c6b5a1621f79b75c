//! cflags: -msimd128
typedef float floats __attribute__((vector_size(16)));
typedef unsigned char bytes __attribute__((vector_size(16)));

floats scaled(floats vector, float by) { return vector * by; }

bytes saturated_sum(bytes a, bytes b) {
  bytes sum = a + b;
  return sum | (bytes)(sum < a);
}

int dot(const short *a, const short *b, int count) {
  int sum = 0;
  for (int i = 0; i < count; i++) sum += a[i] * b[i];
  return sum;
}
