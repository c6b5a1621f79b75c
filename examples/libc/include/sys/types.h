/* The types of the POSIX calls. */
#ifndef MINI_SYS_TYPES_H
#define MINI_SYS_TYPES_H

#include <stddef.h>

typedef long ssize_t;
typedef long long off_t;
typedef unsigned mode_t;

#endif
