#include <stdio.h>
#include <stdlib.h>

static void a_first(void) { puts("liba's"); }
__attribute__((constructor)) static void construct(void) {
  puts("liba is constructed");
  atexit(a_first);
}
__attribute__((destructor)) static void destruct(void) { puts("liba is destructed"); }
void a_exit(int status) { exit(status); }
