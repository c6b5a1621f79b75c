//! What a library found by RTLD_DEFAULT stays as long as it does.
//! kind: program
#include "test.h"

int main(void) {
  void *a = opened("liba.so", RTLD_NOW | RTLD_GLOBAL);
  void *resolves = opened("libresolves.so", RTLD_NOW);
  call(resolves, "find_default");
  closed(a);
  loaded("liba.so");
  closed(resolves);
  loaded("liba.so");
}
