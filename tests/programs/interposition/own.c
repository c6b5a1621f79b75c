//! kind: program
//! needed: libred libblue libuser
#include <stdio.h>

#include "color.h"

const char *color(void) { return "white"; }
int shade = 4;

int main(void) {
  printf("main: %s %d, libuser: %s %d\n", color(), shade, user_color(), user_shade());
  return 0;
}
