//! A destructor closes what its constructor opened.
//! kind: program
#include "test.h"

int main(void) {
  void *handle = opened("libcloses.so", RTLD_NOW);
  puts("opened");
  closed(handle);
  loaded("libb.so");
}
