//! The program's definition wins over the library's own.
//! kind: program
#include "test.h"

int shadowed(void) { return 2; }
int main(void) { call(opened("libshadow.so", RTLD_NOW), "calls_shadowed"); }
