//! Three libraries need each other in a circle.
//! needed: libring2
#define NAME "ring1"
#include "loud.h"

int ring2(int depth);
int ring1(int depth) { return depth == 0 ? 1 : ring2(depth - 1); }
int ring(void) { return ring1(7); }
