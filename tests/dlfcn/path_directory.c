//! A directory is no library.
//! kind: program
#include "test.h"

int main(void) { printf("%d\n", dlopen("./sub", RTLD_NOW) == NULL); }
