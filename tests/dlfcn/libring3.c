//! Three libraries need each other in a circle.
//! needed: libring1
#define NAME "ring3"
#include "loud.h"

int ring1(int depth);
int ring3(int depth) { return depth == 0 ? 3 : ring1(depth - 1); }
