//! dlopen(NULL) wants a flag too.
//! kind: program
#include "test.h"

int main(void) { opened("", 0); }
