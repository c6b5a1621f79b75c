//! The program's destructor runs behind its handlers and before the libraries'.
//! kind: program
//! needed: liba
#include "test.h"

static void handler(void) { puts("handler"); }
__attribute__((constructor)) static void construct(void) { puts("constructor"); }
__attribute__((destructor)) static void destruct(void) { puts("destructor"); }
int main(void) {
  atexit(handler);
  opened("libb.so", RTLD_NOW);
}
