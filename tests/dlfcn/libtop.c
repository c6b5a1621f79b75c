//! The top of a diamond.
//! needed: libleft libright
#define NAME "top"
#include "loud.h"

int left(void), right(void);
int top(void) { return left() + right(); }
