//! kind: program
//! needed: liba libb
#include <stdio.h>

const char *who_says_a(void), *who_says_b(void);
const char *who(void) { return "main"; }

int main(void) {
  printf("main: %s, liba: %s, libb: %s\n", who(), who_says_a(), who_says_b());
  return 0;
}
