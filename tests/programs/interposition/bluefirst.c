//! kind: program
//! needed: libblue libred libuser
#include <stdio.h>

#include "color.h"

int main(void) {
  printf("main: %s %d, libuser: %s %d\n", color(), shade, user_color(), user_shade());
  return 0;
}
