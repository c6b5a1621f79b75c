//! It needs liba.
//! needed: liba
#define NAME "user"
#include "loud.h"

int a(void);
int user(void) { return a() + 100; }
