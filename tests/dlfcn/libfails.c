//! Its constructor cannot open what it wants.
#define NAME "fails"
#include "loud.h"
#include "test.h"

__attribute__((constructor)) static void try_to_open(void) { opened("libnowhere.so", RTLD_NOW); }
