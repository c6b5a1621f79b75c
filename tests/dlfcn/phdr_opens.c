//! The callback may open a library.
//! kind: program
#include "test.h"

static int open_in_callback(struct dl_phdr_info *info, size_t size, void *data) {
  opened("liba.so", RTLD_NOW);
  return 1;
}
int main(void) { printf("%d\n", dl_iterate_phdr(open_in_callback, NULL)); }
