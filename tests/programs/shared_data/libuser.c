//! needed: libdata
#include <string.h>

#include "data.h"

struct point *user_point = &origin;

void user_change(void) {
  number += 100;
  zeros[999] *= 2;
  strcat(text, " and libuser");
  user_point->y = points[1].x * 10;
}
