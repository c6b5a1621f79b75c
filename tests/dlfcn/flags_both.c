//! RTLD_LAZY and RTLD_NOW together are allowed.
//! kind: program
#include "test.h"

int main(void) { closed(opened("liba.so", RTLD_LAZY | RTLD_NOW)); }
