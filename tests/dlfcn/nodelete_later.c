//! RTLD_NODELETE can be said by a later dlopen.
//! kind: program
#include "test.h"

int main(void) {
  void *first = opened("liba.so", RTLD_NOW);
  void *second = opened("liba.so", RTLD_NOW | RTLD_NODELETE);
  closed(first);
  closed(second);
  loaded("liba.so");
}
