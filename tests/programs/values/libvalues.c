#include "values.h"

long long mix(char a, short b, int c, long long d, float e, double f) {
  return a + b * 10 + c * 100 + d + (long long)(e * 1000) + (long long)(f * 10000);
}

struct pair swapped(struct pair pair) { return (struct pair){pair.b, pair.a}; }

double mean_of(int count, va_list args) {
  double sum = 0;
  for (int i = 0; i < count; i++) sum += va_arg(args, double);
  return sum / count;
}

double mean(int count, ...) {
  va_list args;
  va_start(args, count);
  double result = mean_of(count, args);
  va_end(args);
  return result;
}

float float_of(int value) { return (float)value; }
double double_of(long long value) { return (double)value; }
long long truncated(double value) { return (long long)value; }
unsigned rotate(unsigned value, int by) { return value << by | value >> (32 - by); }

int many(int a, int b, int c, int d, int e, int f, int g, int h, int i, int j, int k, int l) {
  return a - b + c - d + e - f + g - h + i - j + k * l;
}

struct large make_large(int step) {
  struct large large;
  for (int i = 0; i < 16; i++) large.values[i] = i * step;
  return large;
}
