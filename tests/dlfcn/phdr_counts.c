//! How many were loaded and unloaded.
//! kind: program
#include "test.h"

static int counts(struct dl_phdr_info *info, size_t size, void *data) {
  unsigned long long *result = data;
  result[0] = info->dlpi_adds;
  result[1] = info->dlpi_subs;
  return 1;
}
int main(void) {
  unsigned long long before[2], after[2];
  dl_iterate_phdr(counts, before);
  closed(opened("libuser.so", RTLD_NOW));
  opened("libb.so", RTLD_NOW);
  dl_iterate_phdr(counts, after);
  printf("%d %d\n", (int)(after[0] - before[0]), (int)(after[1] - before[1]));
}
