#include "ops.h"

int uses_of_add, uses_of_sub, samples[4] = {2, 3, 5, 7};

int add(int a, int b) { return a + b; }
int sub(int a, int b) { return a - b; }
static int mul(int a, int b) { return a * b; }

const struct op library_ops[] = {{"mul", mul, &uses_of_add}, {"add", add, &uses_of_add}, {0}};
