//! The last of three.
#define NAME "chain3"
#include "loud.h"

int chain3(void) { return 3; }
