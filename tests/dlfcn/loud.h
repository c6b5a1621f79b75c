/* A library that says when it is constructed and destructed. */
#include <stdio.h>

__attribute__((constructor)) static void construct(void) { printf("+%s\n", NAME); }
__attribute__((destructor)) static void destruct(void) { printf("-%s\n", NAME); }
