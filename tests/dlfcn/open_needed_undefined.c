//! The undefined function is in a dependency: the others of the batch go too.
//! kind: program
#include "test.h"

int main(void) {
  opened("libneedsundefined.so", RTLD_NOW);
  loaded("libneedsundefined.so");
  loaded("liba.so");
  loaded("libundefined.so");
  loaded("libb.so");
  void *handle = opened("liba.so", RTLD_NOW);
  call(handle, "a");
  closed(handle);
}
