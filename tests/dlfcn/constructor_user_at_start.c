//! A constructor of start-up opens a library that needs its own.
//! kind: program
//! needed: libopensuser
#include "test.h"

int main(void) { puts("main"); }
