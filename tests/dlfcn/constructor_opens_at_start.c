//! A constructor of start-up opens a library.
//! kind: program
//! needed: libopens
#include "test.h"

int main(void) { puts("main"); }
