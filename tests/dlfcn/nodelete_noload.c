//! And with RTLD_NOLOAD.
//! kind: program
#include "test.h"

int main(void) {
  void *handle = opened("liba.so", RTLD_NOW);
  opened("liba.so", RTLD_NOW | RTLD_NOLOAD | RTLD_NODELETE);
  closed(handle);
  closed(handle);
  loaded("liba.so");
}
