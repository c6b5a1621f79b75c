//! It defines `who` and asks for it through another library.
//! needed: libasks
#define NAME "deep"
#include "loud.h"

int who(void) { return 'd'; }
int asks(void);
int deep(void) { return asks(); }
