/* Files by descriptor. */
#ifndef MINI_UNISTD_H
#define MINI_UNISTD_H

#include <sys/types.h>
#include <sys/cdefs.h>

#define STDIN_FILENO 0
#define STDOUT_FILENO 1
#define STDERR_FILENO 2
#ifndef SEEK_SET
#define SEEK_SET 0
#define SEEK_CUR 1
#define SEEK_END 2
#endif

MINI_BEGIN
extern char **environ;

ssize_t read(int fd, void *to, size_t size);
ssize_t write(int fd, const void *from, size_t size);
off_t lseek(int fd, off_t offset, int whence);
int close(int fd);
int unlink(const char *path);
MINI_NORETURN void _exit(int status);
MINI_END

#endif
