/* Pages of the wasm memory. */
#include "pages.h"

/* Made by the dynamic linker, which alone knows what it placed where. */
extern char __heap_base[], __heap_end[];

void pages_first(char **start, char **end) {
  *start = __heap_base;
  *end = __heap_end;
}

char *pages_grow(size_t count) {
  size_t old = __builtin_wasm_memory_grow(0, count);
  return old == (size_t)-1 ? NULL : (char *)(old * PAGE_SIZE_BYTES);
}
