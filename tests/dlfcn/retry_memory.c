//! A hundred loads that fail take no memory that is not given back.
//! kind: program
#include "test.h"

int main(void) {
  char *before = malloc(16);
  free(before);
  for (int i = 0; i < 100; i++) dlopen("libneedsundefined.so", RTLD_NOW);
  puts(error());
  char *after = malloc(16);
  printf("%d\n", after - before < 1000000 && before - after < 1000000);
}
