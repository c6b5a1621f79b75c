//! A destructor opens a library.
//! kind: program
#include "test.h"

int main(void) {
  void *handle = opened("libdtorloads.so", RTLD_NOW);
  closed(handle);
  loaded("libb.so");
  puts("end");
}
