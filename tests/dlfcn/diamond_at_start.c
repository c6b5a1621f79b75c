//! A diamond that start-up loads.
//! kind: program
//! needed: libtop
#include "test.h"

int main(void) { puts("main"); }
