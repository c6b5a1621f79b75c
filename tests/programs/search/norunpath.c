//! kind: program
//! needed: libdeep
#include <stdio.h>

const char *deep(void);

int main(void) {
  puts(deep());
  return 0;
}
