//! While the old one is open, a new file under its name is another library.
//! kind: program
#include "test.h"

static int copy(const char *from, const char *to) {
  static char bytes[1000000];
  FILE *file = fopen(from, "rb");
  size_t size = fread(bytes, 1, sizeof bytes, file);
  fclose(file);
  file = fopen(to, "wb");
  fwrite(bytes, 1, size, file);
  return fclose(file);
}
int main(void) {
  char first[4096], second[4096];
  snprintf(first, sizeof first, "%s/libfirst.so", getenv("SCRATCH"));
  snprintf(second, sizeof second, "%s/libsecond.so", getenv("SCRATCH"));
  copy("liba.so", first);
  copy("liba.so", second);
  void *one = opened(first, RTLD_NOW), *two = opened(second, RTLD_NOW);
  printf("%d\n", one != two);
  call(one, "a");
  call(two, "a");
}
