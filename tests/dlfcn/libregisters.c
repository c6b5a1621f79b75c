//! Its destructors and handlers, registered in every way.
#include <stdio.h>
#include <stdlib.h>

static void first(void) { puts("atexit first"); }
static void second(void) { puts("atexit second"); }
__attribute__((constructor)) static void construct(void) { atexit(first); }
__attribute__((destructor)) static void destruct(void) { puts("destructor"); }
int registers(void) { return atexit(second); }
