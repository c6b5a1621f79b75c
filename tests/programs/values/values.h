#include <stdarg.h>

struct pair {
  double a, b;
};
struct large {
  int values[16];
};

long long mix(char a, short b, int c, long long d, float e, double f);
struct pair swapped(struct pair pair);
double mean(int count, ...);
double mean_of(int count, va_list args);
float float_of(int value);
double double_of(long long value);
long long truncated(double value);
unsigned rotate(unsigned value, int by);
int many(int, int, int, int, int, int, int, int, int, int, int, int);
struct large make_large(int step);
