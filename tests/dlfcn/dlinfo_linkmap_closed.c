//! A closed library leaves the list.
//! kind: program
#include "test.h"

int main(void) {
  void *a = opened("liba.so", RTLD_NOW), *b = opened("libb.so", RTLD_NOW);
  struct link_map *map;
  dlinfo(b, RTLD_DI_LINKMAP, &map);
  puts(base_name(map->l_prev->l_name));
  closed(a);
  dlinfo(b, RTLD_DI_LINKMAP, &map);
  printf("%d\n", strcmp(base_name(map->l_prev->l_name), "liba.so") != 0);
  printf("%s %d\n", base_name(map->l_name), map->l_next == NULL);
}
