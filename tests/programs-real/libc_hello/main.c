//! The real C library: printf, the heap, files, time, the environment.
//!
//! toolchain: base
//! needed: libtext
//!
//! run: --dir $TMP::/tmp --env WHO=world main.wasm one two
//! stdout: hello, world (2 arguments, 1.414)
//! stdout: one+two, 7 bytes
//! stdout: sum 333283335000, 85374 bytes
//! stdout: found moved.txt
//! stdout: outside: No such file or directory
//! stdout: clock: 1
//! stdout: at the end
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <dirent.h>

char *joined(int count, char **texts);

static void at_end(void) { puts("at the end"); }

int main(int argc, char **argv) {
  atexit(at_end);
  printf("hello, %s (%d arguments, %.3f)\n", getenv("WHO"), argc - 1, sqrt(2));
  char *text = joined(argc - 1, argv + 1);
  printf("%s, %zu bytes\n", text, strlen(text));
  free(text);

  FILE *file = fopen("/tmp/file.txt", "w+");
  if (file == NULL) return perror("/tmp/file.txt"), 1;
  for (int i = 0; i < 10000; i++) fprintf(file, "%d\n", i * i);
  rewind(file);
  long long sum = 0, value;
  while (fscanf(file, "%lld", &value) == 1) sum += value;
  fclose(file);
  struct stat status;
  stat("/tmp/file.txt", &status);
  printf("sum %lld, %lld bytes\n", sum, (long long)status.st_size);
  mkdir("/tmp/folder", 0777);
  rename("/tmp/file.txt", "/tmp/folder/moved.txt");
  DIR *folder = opendir("/tmp/folder");
  for (struct dirent *entry; (entry = readdir(folder)) != NULL;)
    if (entry->d_name[0] != '.') printf("found %s\n", entry->d_name);
  closedir(folder);
  printf("outside: %s\n", fopen("/etc/passwd", "r") == NULL ? strerror(errno) : "open");
  struct timespec now;
  printf("clock: %d\n", clock_gettime(CLOCK_REALTIME, &now) == 0 && now.tv_sec > 1700000000);
  return 0;
}
