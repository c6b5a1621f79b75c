//! What was bound before another definition became global stays bound to the first.
//! kind: program
#include "test.h"

int main(void) {
  opened("libb.so", RTLD_NOW);
  void *deep = opened("libdeep.so", RTLD_NOW);
  call(deep, "deep");
  opened("libb.so", RTLD_NOW | RTLD_GLOBAL);
  call(deep, "deep");
  call(RTLD_DEFAULT, "who");
  void *asks = opened("libasks.so", RTLD_NOW);
  call(asks, "asks");
}
