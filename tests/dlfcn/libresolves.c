//! It looks names up for its caller.
#include "test.h"

int find_default(void) { return dlsym(RTLD_DEFAULT, "who") != NULL; }
int find_next(void) { return dlsym(RTLD_NEXT, "who") != NULL; }
int find_own(void) { return dlsym(RTLD_DEFAULT, "find_own") == (void *)find_own; }
