/* What Lua asks for and WASI has not: other programs, and names for temporary files. */
#include <errno.h>
#include <stddef.h>
#include <stdio.h>

char *tmpnam(char *name) { return errno = ENOSYS, NULL; }
FILE *tmpfile(void) { return errno = ENOSYS, NULL; }
int system(const char *command) { return command == NULL ? 0 : (errno = ENOSYS, -1); }
