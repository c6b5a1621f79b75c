//! The bottom of a diamond: counts its calls.
#define NAME "bottom"
#include "loud.h"

static int calls;
int bottom(void) { return ++calls; }
