//! Data of one module, read and written by the others.
//!
//! needed: libdata libuser
//!
//! run: main.wasm
//! stdout: at first: 41 1099511627776 2.50 "from libdata" 0
//! stdout: libdata sees: 160 2199023255552 0.62 "from main and libuser" 18
//! stdout: origin: 1 20, through the library's pointer: 20
//! stdout: points[2]: 3 3
#include <stdio.h>
#include <string.h>

#include "data.h"

struct point origin = {1, 2}; /* main's, used by libuser */

int main(void) {
  printf("at first: %d %lld %.2f \"%s\" %d\n", number, big, real, text, zeros[999]);
  number += 1;
  big *= 2;
  real /= 4;
  strcpy(text, "from main");
  zeros[999] = 9;
  user_change();
  printf("libdata sees: %d %lld %.2f \"%s\" %d\n", data_sum(), big, real, text, zeros[999]);
  printf("origin: %d %d, through the library's pointer: %d\n", origin.x, origin.y, user_point->y);
  user_point = &points[2];
  printf("points[2]: %d %d\n", user_point->x, user_point->y);
  return 0;
}
