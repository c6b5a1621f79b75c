//! A library's data lies in one of its segments.
//! kind: program
#include "test.h"

static void *data_of_a;
static int contains(struct dl_phdr_info *info, size_t size, void *found) {
  for (int i = 0; i < info->dlpi_phnum; i++) {
    const ElfW(Phdr) *header = &info->dlpi_phdr[i];
    char *start = (char *)info->dlpi_addr + header->p_vaddr;
    if (header->p_type == PT_LOAD && start <= (char *)data_of_a && (char *)data_of_a < start + header->p_memsz)
      snprintf(found, 100, "%s", base_name(info->dlpi_name));
  }
  return 0;
}
int main(void) {
  char found[100] = "nobody";
  data_of_a = dlsym(opened("liba.so", RTLD_NOW), "a_data");
  dl_iterate_phdr(contains, found);
  puts(found);
}
