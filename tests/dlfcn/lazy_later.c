//! With RTLD_LAZY a function is found that was defined after the load.
//! kind: program
#include "test.h"

int main(void) {
  void *asks = opened("libasks.so", RTLD_LAZY);
  opened("liba.so", RTLD_NOW | RTLD_GLOBAL);
  call(asks, "asks");
}
