/* Opening files. */
#ifndef MINI_FCNTL_H
#define MINI_FCNTL_H

#include <sys/types.h>
#include <sys/cdefs.h>

#define O_RDONLY 0
#define O_WRONLY 1
#define O_RDWR 2
#define O_CREAT 0x10
#define O_EXCL 0x20
#define O_TRUNC 0x40
#define O_APPEND 0x80
#define O_DIRECTORY 0x100

MINI_BEGIN
int open(const char *path, int flags, ...);
MINI_END

#endif
