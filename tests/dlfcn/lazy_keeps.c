//! What was found at the first call stays as long as the caller.
//! kind: program
#include "test.h"

int main(void) {
  void *asks = opened("libasks.so", RTLD_LAZY);
  void *a = opened("liba.so", RTLD_NOW | RTLD_GLOBAL);
  call(asks, "asks");
  closed(a);
  call(asks, "asks");
  closed(asks);
  puts("end");
}
