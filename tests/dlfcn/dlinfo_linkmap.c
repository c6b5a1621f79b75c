//! The list of all that is loaded.
//! kind: program
#include "test.h"

int main(void) {
  void *handle = opened("./libuser.so", RTLD_NOW);
  struct link_map *map;
  printf("%d\n", dlinfo(handle, RTLD_DI_LINKMAP, &map));
  puts(map->l_name);
  puts(base_name(map->l_next->l_name));
  printf("%d %d\n", map->l_next->l_next == NULL, map->l_next->l_prev == map);
  while (map->l_prev != NULL) map = map->l_prev;
  printf("[%s] %d\n", map->l_name, dlinfo(dlopen(NULL, RTLD_NOW), RTLD_DI_LINKMAP, &handle));
  printf("%d\n", handle == map);
}
