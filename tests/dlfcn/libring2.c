//! Three libraries need each other in a circle.
//! needed: libring3
#define NAME "ring2"
#include "loud.h"

int ring3(int depth);
int ring2(int depth) { return depth == 0 ? 2 : ring3(depth - 1); }
