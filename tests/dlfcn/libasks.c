//! It calls a function that it does not name a library for.
#define NAME "asks"
#include "loud.h"

int who(void);
int asks(void) { return who(); }
