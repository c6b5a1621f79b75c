#include <stddef.h>

struct op {
  const char *name;
  int (*apply)(int, int);
  int *uses;
};

int add(int a, int b);
int sub(int a, int b);
extern int uses_of_add, uses_of_sub, samples[4];
extern const struct op library_ops[];
