//! Its constructor opens libb.
#define NAME "opens"
#include "loud.h"
#include "test.h"

__attribute__((constructor)) static void open_b(void) { call(opened("libb.so", RTLD_NOW), "who"); }
int opens(void) { return 5; }
