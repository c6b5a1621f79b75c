//! The right corner of a diamond.
//! needed: libbottom
#define NAME "right"
#include "loud.h"

int bottom(void);
int right(void) { return bottom() * 100; }
