//! The second of three.
//! needed: libchain3
#define NAME "chain2"
#include "loud.h"

int chain3(void);
int chain2(void) { return chain3() * 10 + 2; }
