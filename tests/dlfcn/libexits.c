//! Its constructor ends the program.
#include <stdio.h>
#include <stdlib.h>

__attribute__((constructor)) static void leave(void) {
  puts("+exits");
  exit(3);
}
