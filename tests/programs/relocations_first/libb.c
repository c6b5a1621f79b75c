#include <stdio.h>

extern const char *(*const from_main[])(void), *(*const from_a[])(void), *const text_of_main;
static const char *(*const *tables[])(void) = {from_main, from_a};

/* The first constructor of all uses tables of modules that needed this one. */
__attribute__((constructor)) static void construct(void) {
  printf("libb is constructed: %s, %s, %s\n", tables[0][0](), tables[1][0](), text_of_main);
}
