/* The last error; the numbers are those of WASI preview 1. */
#ifndef MINI_ERRNO_H
#define MINI_ERRNO_H

extern
#ifdef __cplusplus
    "C"
#endif
    int errno;

#define EACCES 2
#define EAGAIN 6
#define EBADF 8
#define EEXIST 20
#define EINVAL 28
#define EIO 29
#define EISDIR 31
#define EMFILE 33
#define ENAMETOOLONG 37
#define ENOENT 44
#define ENOMEM 48
#define ENOSYS 52
#define ENOTDIR 54
#define EPERM 63
#define ERANGE 68
#define EROFS 69
#define ESPIPE 70
#define ENOTCAPABLE 76

#endif
