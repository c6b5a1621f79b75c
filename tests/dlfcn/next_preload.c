//! A preloaded wrapper finds what it wraps.
//! kind: program
//! needed: liba
//! preload: libnext.so
#include "test.h"

int who(void);
int main(void) { printf("%d\n", who()); }
