/* Files by descriptor, over WASI. A path is looked up below the granted
   directories: the longest granted name in front of it wins. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "wasi.h"

enum { FIRST_GRANTED = 3 };

struct granted {
  char *name; /* without what `relative` strips */
  size_t size;
};

static struct granted *granted;
static int granted_len = -1; /* -1: not read yet */

/* The working directory is `/`: `./x`, `/x` and `x` are one file. */
static const char *relative(const char *path) {
  for (;;) {
    if (path[0] == '/') {
      path++;
    } else if (path[0] == '.' && (path[1] == '/' || path[1] == '\0')) {
      path++;
    } else {
      return path;
    }
  }
}

static int read_granted(void) {
  struct wasi_prestat prestat;
  granted_len = 0;
  for (int fd = FIRST_GRANTED; wasi_fd_prestat_get(fd, &prestat) == 0; fd++) {
    struct granted *longer = realloc(granted, (size_t)(granted_len + 1) * sizeof *granted);
    char *name = malloc(prestat.name_size + 1);
    if (longer == NULL || name == NULL) return ENOMEM;
    granted = longer;
    int error = wasi_fd_prestat_dir_name(fd, name, prestat.name_size);
    if (error != 0) return error;
    name[prestat.name_size] = '\0';
    const char *rest = relative(name);
    size_t size = strlen(rest);
    while (size > 0 && rest[size - 1] == '/') size--;
    memmove(name, rest, size);
    name[size] = '\0';
    granted[granted_len++] = (struct granted){name, size};
  }
  return 0;
}

/* The granted directory that holds `*path`, which becomes relative to it; -1: none. */
static int find_granted(const char **path) {
  int error = granted_len < 0 ? read_granted() : 0;
  if (error != 0) return errno = error, -1;
  const char *wanted = relative(*path);
  int best = -1;
  for (int i = 0; i < granted_len; i++) {
    size_t size = granted[i].size;
    if (strncmp(wanted, granted[i].name, size) != 0) continue;
    if (size > 0 && wanted[size] != '/' && wanted[size] != '\0') continue;
    if (best < 0 || size >= granted[best].size) best = i;
  }
  if (best < 0) return errno = ENOTCAPABLE, -1;
  const char *rest = relative(wanted + granted[best].size);
  *path = *rest == '\0' ? "." : rest;
  return FIRST_GRANTED + best;
}

int open(const char *path, int flags, ...) {
  int directory = find_granted(&path);
  if (directory < 0) return -1;
  int access = flags & 3;
  uint64_t rights = WASI_RIGHT_SEEK | WASI_RIGHT_TELL | WASI_RIGHT_STAT;
  if (access != O_WRONLY) rights |= WASI_RIGHT_READ;
  if (access != O_RDONLY) rights |= WASI_RIGHT_WRITE;
  int open_flags = 0;
  if (flags & O_CREAT) open_flags |= WASI_OFLAG_CREATE;
  if (flags & O_DIRECTORY) open_flags |= WASI_OFLAG_DIRECTORY;
  if (flags & O_EXCL) open_flags |= WASI_OFLAG_EXCLUSIVE;
  if (flags & O_TRUNC) open_flags |= WASI_OFLAG_TRUNCATE;
  int fd_flags = flags & O_APPEND ? WASI_FDFLAG_APPEND : 0, fd;
  int error = wasi_path_open(directory, WASI_FOLLOW_SYMLINK, path, strlen(path), open_flags,
                             rights, rights, fd_flags, &fd);
  return error == 0 ? fd : (errno = error, -1);
}

ssize_t read(int fd, void *to, size_t size) {
  struct wasi_bytes bytes = {to, size};
  size_t read;
  int error = wasi_fd_read(fd, &bytes, 1, &read);
  return error == 0 ? (ssize_t)read : (errno = error, -1);
}

ssize_t write(int fd, const void *from, size_t size) {
  struct wasi_bytes bytes = {from, size};
  size_t written;
  int error = wasi_fd_write(fd, &bytes, 1, &written);
  return error == 0 ? (ssize_t)written : (errno = error, -1);
}

off_t lseek(int fd, off_t offset, int whence) {
  uint64_t position;
  int error = wasi_fd_seek(fd, offset, whence, &position);
  return error == 0 ? (off_t)position : (errno = error, -1);
}

int close(int fd) {
  int error = wasi_fd_close(fd);
  return error == 0 ? 0 : (errno = error, -1);
}

int unlink(const char *path) {
  int directory = find_granted(&path);
  if (directory < 0) return -1;
  int error = wasi_path_unlink_file(directory, path, strlen(path));
  return error == 0 ? 0 : (errno = error, -1);
}

int remove(const char *path) { return unlink(path); }
