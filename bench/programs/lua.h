/* What Lua asks of a C library that WASI's does not have. */
#include <stdio.h>
#include <stdlib.h>
#define tmpfile() ((FILE *)0)
#define tmpnam(name) ((char *)0)
#undef L_tmpnam
#define L_tmpnam 20
#define system(command) ((command) ? -1 : 0)
