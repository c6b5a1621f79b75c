//! Priorities of constructors and destructors.
//! kind: program
#include "test.h"

int main(void) {
  void *handle = opened("libpriorities.so", RTLD_NOW);
  puts("opened");
  closed(handle);
}
