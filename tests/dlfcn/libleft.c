//! The left corner of a diamond.
//! needed: libbottom
#define NAME "left"
#include "loud.h"

int bottom(void);
int left(void) { return bottom() * 10; }
