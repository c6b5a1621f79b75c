//! dl_iterate_phdr tells of libraries in the order in which they were loaded, what each needs behind it; what is opened again
//! comes last.
//! kind: program
#include "test.h"

static int show(struct dl_phdr_info *info, size_t size, void *data) {
  (void)size, (void)data;
  const char *name = base_name(info->dlpi_name);
  if (strncmp(name, "liba.", 5) == 0 || strncmp(name, "libb.", 5) == 0 || strncmp(name, "libuser.", 8) == 0) puts(name);
  return 0;
}

int main(void) {
  opened("libb.so", RTLD_NOW);
  void *handle = opened("libuser.so", RTLD_NOW);
  dl_iterate_phdr(show, NULL);
  closed(handle);
  dl_iterate_phdr(show, NULL);
  opened("liba.so", RTLD_NOW);
  opened("libuser.so", RTLD_NOW);
  dl_iterate_phdr(show, NULL);
}
