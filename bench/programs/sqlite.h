/* What SQLite asks of a C library that WASI's does not have: owners and locks of files. */
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>
#ifndef F_WRLCK
#define F_RDLCK 0
#define F_WRLCK 1
#define F_UNLCK 2
#define F_GETLK 5
#define F_SETLK 6
#define F_SETLKW 7
#endif
static inline int fchown(int file, uid_t user, gid_t group) { return 0; }
static inline uid_t geteuid(void) { return 0; }
