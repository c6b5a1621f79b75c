//! An object's destructor closes what its constructor opened; what it could not open it does not close.
//! kind: program
#include "test.h"

int main(void) {
  void *handle = opened("libholds.so", RTLD_NOW);
  call(handle, "holds");
  loaded("libb.so");
  closed(handle);
  loaded("libb.so");
}
