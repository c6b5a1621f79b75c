/* The part of WASI preview 1 that this library calls. All functions return 0 or
   an error number, which is also the number in errno.h. */
#ifndef MINI_WASI_H
#define MINI_WASI_H

#include <stddef.h>
#include <stdint.h>

struct wasi_bytes {
  const void *start;
  size_t size;
};

struct wasi_prestat {
  uint8_t tag; /* 0: a directory */
  size_t name_size;
};

struct wasi_fdstat {
  uint8_t file_type; /* 2: a character device */
  uint16_t flags;
  uint64_t rights, rights_inheriting;
};

enum {
  WASI_FOLLOW_SYMLINK = 1,
  WASI_FDFLAG_APPEND = 1,
  WASI_OFLAG_CREATE = 1,
  WASI_OFLAG_DIRECTORY = 2,
  WASI_OFLAG_EXCLUSIVE = 4,
  WASI_OFLAG_TRUNCATE = 8,
  WASI_RIGHT_READ = 1 << 1,
  WASI_RIGHT_SEEK = 1 << 2,
  WASI_RIGHT_TELL = 1 << 5,
  WASI_RIGHT_WRITE = 1 << 6,
  WASI_RIGHT_STAT = 1 << 21,
};

#define WASI(name) \
  __attribute__((import_module("wasi_snapshot_preview1"), import_name(#name))) int wasi_##name

WASI(args_sizes_get)(size_t *count, size_t *size);
WASI(args_get)(char **args, char *text);
WASI(environ_sizes_get)(size_t *count, size_t *size);
WASI(environ_get)(char **variables, char *text);
WASI(fd_prestat_get)(int fd, struct wasi_prestat *prestat);
WASI(fd_prestat_dir_name)(int fd, char *name, size_t size);
WASI(path_open)(int dir, int lookup, const char *path, size_t path_size, int open_flags,
                uint64_t rights, uint64_t rights_inheriting, int fd_flags, int *fd);
WASI(path_unlink_file)(int dir, const char *path, size_t path_size);
WASI(fd_read)(int fd, const struct wasi_bytes *to, size_t count, size_t *read);
WASI(fd_write)(int fd, const struct wasi_bytes *from, size_t count, size_t *written);
WASI(fd_seek)(int fd, int64_t offset, int whence, uint64_t *position);
WASI(fd_close)(int fd);

__attribute__((import_module("wasi_snapshot_preview1"), import_name("proc_exit"), noreturn)) void
wasi_proc_exit(int status);

#endif
