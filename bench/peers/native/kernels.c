// The kernels as native code: `kernels EXPORT ARG REPS` prints seconds and checksum of each call.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define random kernel_random
#include "../../kernels/kernels.c"

static const struct {
  const char *name;
  double (*run)(int);
} kernels[] = {{"sieve", sieve},       {"matmul", matmul}, {"mandelbrot", mandelbrot}, {"sort", sort},
               {"crc", crc},           {"calls", calls},   {"dispatch", dispatch},     {"words", words}};

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec + time.tv_nsec / 1e9;
}

int main(int argc, char **argv) {
  if (argc != 4) return 2;
  for (size_t i = 0; i < sizeof kernels / sizeof *kernels; i++) {
    if (strcmp(kernels[i].name, argv[1])) continue;
    for (int rep = 0; rep < atoi(argv[3]); rep++) {
      double started = now(), result = kernels[i].run(atoi(argv[2]));
      printf("%.6f %.17g\n", now() - started, result);
    }
    return 0;
  }
  return 1;
}
