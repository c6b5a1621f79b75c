//! It uses data that nobody defines.
#define NAME "undefineddata"
#include "loud.h"

extern int nowhere_data;
int *undefined_data(void) { return &nowhere_data; }
