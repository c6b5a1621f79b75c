//! dl_iterate_phdr shows what is loaded, the program first.
//! kind: program
#include "test.h"

static int show(struct dl_phdr_info *info, size_t size, void *data) {
  int *count = data;
  if ((*count)++ == 0) printf("[%s] ", info->dlpi_name);
  if (strstr(info->dlpi_name, "liba.so") != NULL) printf("%s ", base_name(info->dlpi_name));
  return size < sizeof *info;
}
int main(void) {
  opened("liba.so", RTLD_NOW);
  int count = 0;
  printf("%d\n", dl_iterate_phdr(show, &count));
}
