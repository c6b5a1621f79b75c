//! Its destructor opens a library.
#define NAME "dtorloads"
#include "loud.h"
#include "test.h"

__attribute__((destructor)) static void open_b(void) { opened("libb.so", RTLD_NOW); }
