//! It calls functions that nobody defines.
#define NAME "undefined"
#include "loud.h"

int nowhere_first(void);
int nowhere_second(void);
int undefined(void) { return nowhere_first() + nowhere_second(); }
int defined(void) { return 7; }
