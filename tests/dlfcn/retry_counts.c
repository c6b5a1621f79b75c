//! A load that failed leaves the counts of what was loaded before.
//! kind: program
#include "test.h"

int main(void) {
  void *a = opened("liba.so", RTLD_NOW);
  opened("libneedsundefined.so", RTLD_NOW);
  closed(a);
  loaded("liba.so");
}
