//! A file that changed is the new code.
//! kind: program
#include "test.h"

static int copy(const char *from, const char *to) {
  static char bytes[1000000];
  FILE *file = fopen(from, "rb");
  size_t size = fread(bytes, 1, sizeof bytes, file);
  fclose(file);
  remove(to);
  file = fopen(to, "wb");
  fwrite(bytes, 1, size, file);
  return fclose(file);
}
int main(void) {
  char path[4096];
  snprintf(path, sizeof path, "%s/libreloaded.so", getenv("SCRATCH"));
  copy("liba.so", path);
  void *handle = opened(path, RTLD_NOW);
  call(handle, "who");
  closed(handle);
  copy("libb.so", path);
  handle = opened(path, RTLD_NOW);
  call(handle, "who");
  closed(handle);
}
