//! What it needs is not found.
//! needed: liba libgone
#define NAME "needsgone"
#include "loud.h"

int gone(void);
int needs_gone(void) { return gone(); }
