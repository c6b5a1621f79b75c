//! The first of three.
//! needed: libchain2
#define NAME "chain1"
#include "loud.h"

int chain2(void);
int chain1(void) { return chain2() * 10 + 1; }
