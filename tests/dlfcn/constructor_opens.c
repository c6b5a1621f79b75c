//! A constructor opens a library.
//! kind: program
#include "test.h"

int main(void) {
  void *handle = opened("libopens.so", RTLD_NOW);
  call(handle, "opens");
  closed(handle);
  loaded("libb.so");
}
