#include <stdlib.h>
#include <string.h>

static int by_size(const void *a, const void *b) {
  return (int)strlen(*(char *const *)b) - (int)strlen(*(char *const *)a);
}

/* The longest first, with `+` between them. */
char *joined(int count, char **texts) {
  qsort(texts, count, sizeof *texts, by_size);
  size_t size = 1;
  for (int i = 0; i < count; i++) size += strlen(texts[i]) + 1;
  char *all = calloc(1, size);
  for (int i = 0; i < count; i++) strcat(strcat(all, i > 0 ? "+" : ""), texts[i]);
  return all;
}
