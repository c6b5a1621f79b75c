//! Another one, that defines some of the same names.
#define NAME "b"
#include "loud.h"

int b_data = 20;
int b(void) { return ++b_data; }
int who(void) { return 'b'; }
