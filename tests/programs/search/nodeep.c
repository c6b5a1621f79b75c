//! kind: program
//! needed: libdeeper
#include <stdio.h>

const char *deeper(void);

int main(void) {
  puts(deeper());
  return 0;
}
