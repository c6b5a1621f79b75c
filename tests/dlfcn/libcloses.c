//! Its destructor closes what its constructor opened.
#define NAME "closes"
#include "loud.h"
#include "test.h"

static void *handle;
__attribute__((constructor)) static void open_b(void) { handle = opened("libb.so", RTLD_NOW); }
__attribute__((destructor)) static void close_b(void) { closed(handle); }
