//! The first result that is not zero ends it.
//! kind: program
#include "test.h"

static int stop(struct dl_phdr_info *info, size_t size, void *data) {
  ++*(int *)data;
  return 17;
}
int main(void) {
  int count = 0;
  printf("%d ", dl_iterate_phdr(stop, &count));
  printf("%d\n", count);
}
