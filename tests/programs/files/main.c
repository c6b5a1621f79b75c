//! Files below a granted directory, and nothing without one.
//!
//! run: --dir $TMP::/work main.wasm /work/poem.txt
//! stdout: 7: line 1
//! stdout: 14: line 2
//! stdout: 21: line 3
//! stdout: 13 bytes: line 1
//! stdout: LINE 2
//! stdout: seek to the end: 21
//! stdout: write to a file opened for reading: refused
//! stdout: close: 0, again: -1 (bad file descriptor)
//! stdout: create it although it exists: -1
//! stdout: remove: 0
//! stdout: open what was removed: -1 (no such file or directory)
//!
//! run: --dir $TMP main.wasm $TMP/poem.txt
//! stdout: 7: line 1
//! stdout: 14: line 2
//! stdout: 21: line 3
//! stdout: 13 bytes: line 1
//! stdout: LINE 2
//! stdout: seek to the end: 21
//! stdout: write to a file opened for reading: refused
//! stdout: close: 0, again: -1 (bad file descriptor)
//! stdout: create it although it exists: -1
//! stdout: remove: 0
//! stdout: open what was removed: -1 (no such file or directory)
//!
//! run: --dir $TMP::. main.wasm poem.txt
//! stdout: 7: line 1
//! stdout: 14: line 2
//! stdout: 21: line 3
//! stdout: 13 bytes: line 1
//! stdout: LINE 2
//! stdout: seek to the end: 21
//! stdout: write to a file opened for reading: refused
//! stdout: close: 0, again: -1 (bad file descriptor)
//! stdout: create it although it exists: -1
//! stdout: remove: 0
//! stdout: open what was removed: -1 (no such file or directory)
//!
//! run: main.wasm /work/poem.txt
//! stdout: cannot create it: not granted
//! exit: 1
//!
//! run: --dir $TMP::/work main.wasm /elsewhere/poem.txt
//! stdout: cannot create it: not granted
//! exit: 1
//!
//! run: --dir $TMP::/work main.wasm /work/../poem.txt
//! stdout: cannot create it: operation not permitted
//! exit: 1
//!
//! run: --dir $TMP::/work main.wasm /work/missing/poem.txt
//! stdout: cannot create it: no such file or directory
//! exit: 1
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int fail(const char *what) {
  printf("cannot %s: %s\n", what, strerror(errno));
  return 1;
}

int main(int argc, char **argv) {
  const char *path = argv[argc - 1];
  FILE *file = fopen(path, "w");
  if (file == NULL) return fail("create it");
  fprintf(file, "line %d\nline %d\n", 1, 2);
  if (fclose(file) != 0) return fail("close it");

  if ((file = fopen(path, "a")) == NULL) return fail("append to it");
  fputs("line 3\n", file);
  fclose(file);

  if ((file = fopen(path, "r+")) == NULL) return fail("read it");
  char line[32];
  while (fgets(line, sizeof line, file) != NULL) printf("%ld: %s", ftell(file), line);
  fseek(file, 7, SEEK_SET);
  fputs("LINE", file);
  rewind(file);
  size_t size = fread(line, 1, 13, file);
  printf("%zu bytes: %.*s\n", size, (int)size, line);
  fclose(file);

  int fd = open(path, O_RDONLY);
  printf("seek to the end: %lld\n", lseek(fd, 0, SEEK_END));
  printf("write to a file opened for reading: %s\n", write(fd, "x", 1) < 0 ? "refused" : "done");
  printf("close: %d, again: %d (%s)\n", close(fd), close(fd), strerror(errno));
  printf("create it although it exists: %d\n", open(path, O_WRONLY | O_CREAT | O_EXCL));
  printf("remove: %d\n", remove(path));
  printf("open what was removed: %d (%s)\n", open(path, O_RDONLY), strerror(errno));
  return 0;
}
