//! Libraries do not see each other's local definitions: each has its own.
//! kind: program
#include "test.h"

int main(void) {
  void *a = opened("liba.so", RTLD_NOW), *b = opened("libb.so", RTLD_NOW);
  call(a, "who");
  call(b, "who");
}
