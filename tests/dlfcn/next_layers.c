//! Each layer finds the one behind it, in the search list of what was opened.
//! kind: program
#include "test.h"

int main(void) { call(opened("libnext1.so", RTLD_NOW), "layer"); }
