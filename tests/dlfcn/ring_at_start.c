//! A circle that start-up loads.
//! kind: program
//! needed: libring2
#include "test.h"

int main(void) { puts("main"); }
