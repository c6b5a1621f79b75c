#include <string.h>

int by_size(const void *a, const void *b) {
  const char *x = *(const char *const *)a, *y = *(const char *const *)b;
  int difference = (int)strlen(x) - (int)strlen(y);
  return difference != 0 ? difference : strcmp(x, y);
}
