//! Each of them counts.
//! kind: program
#include "test.h"

int main(void) {
  void *first = opened("./liba.so", RTLD_NOW);
  void *second = opened("sub/../liba.so", RTLD_NOW);
  closed(first);
  loaded("liba.so");
  closed(second);
  loaded("liba.so");
}
