//! Directories that change while they are read, and that many pieces of a buffer are needed for.
//!
//! toolchain: base
//!
//! run: --dir $TMP::/tmp main.wasm
//! stdout: removed 1000, the directory: 0
//! stdout: told of 1000, moved 1000
//! stdout: then 0
//! stdout: behind a place 502, again 502
//! stdout: without one 999
//! stdout: a file: Not a directory
//! stdout: what is gone: No such file or directory
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILES = 1000 };

static const char *in(const char *dir, const char *name) {
  static char path[300];
  snprintf(path, sizeof path, "%s/%s", dir, name);
  return path;
}

static void fill(const char *dir) {
  if (mkdir(dir, 0777) != 0) perror(dir);
  for (int i = 0; i < FILES; i++) {
    char name[40];
    snprintf(name, sizeof name, "file-%d", i);
    close(open(in(dir, name), O_CREAT | O_WRONLY, 0666));
  }
}

static int is_dots(const char *name) { return strcmp(name, ".") == 0 || strcmp(name, "..") == 0; }

/* How many files a stream tells of from where it is. */
static int count(DIR *stream) {
  int found = 0;
  for (struct dirent *entry; (entry = readdir(stream)) != NULL;) found += !is_dots(entry->d_name);
  return found;
}

int main(void) {
  fill("/tmp/d");

  /* `rm -r` */
  DIR *stream = opendir("/tmp/d");
  int removed = 0;
  for (struct dirent *entry; (entry = readdir(stream)) != NULL;)
    if (!is_dots(entry->d_name)) removed += unlink(in("/tmp/d", entry->d_name)) == 0;
  closedir(stream);
  printf("removed %d, the directory: %d\n", removed, rmdir("/tmp/d"));

  /* What was renamed is told of once, under either name. */
  fill("/tmp/e");
  mkdir("/tmp/other", 0777);
  stream = opendir("/tmp/e");
  int told = 0, moved = 0;
  for (struct dirent *entry; (entry = readdir(stream)) != NULL;) {
    if (is_dots(entry->d_name)) continue;
    told++;
    char to[300];
    snprintf(to, sizeof to, "/tmp/other/%s", entry->d_name);
    moved += rename(in("/tmp/e", entry->d_name), to) == 0;
  }
  printf("told of %d, moved %d\n", told, moved);

  /* From the start again, it is what is there now. */
  rewinddir(stream);
  printf("then %d\n", count(stream));
  closedir(stream);

  stream = opendir("/tmp/other");
  for (int i = 0; i < 500; i++) readdir(stream);
  long place = telldir(stream);
  int rest = count(stream);
  seekdir(stream, place);
  printf("behind a place %d, again %d\n", rest, count(stream));
  unlink("/tmp/other/file-7");
  rewinddir(stream);
  printf("without one %d\n", count(stream));
  closedir(stream);

  printf("a file: %s\n", opendir("/tmp/other/file-8") == NULL ? strerror(errno) : "opened");
  printf("what is gone: %s\n", opendir("/tmp/d") == NULL ? strerror(errno) : "opened");
  return 0;
}
