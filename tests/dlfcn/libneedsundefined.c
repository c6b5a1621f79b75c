//! It needs a library that cannot be bound.
//! needed: liba libundefined libb
#define NAME "needsundefined"
#include "loud.h"

int needs_undefined(void) { return 1; }
