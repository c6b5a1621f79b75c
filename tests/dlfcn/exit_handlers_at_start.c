//! Handlers of a library that start-up loads run with its destructor.
//! kind: program
//! needed: libregisters
#include "test.h"

static void handler(void) { puts("the program's"); }
__attribute__((destructor)) static void destruct(void) { puts("the program's destructor"); }
int main(void) { atexit(handler); }
