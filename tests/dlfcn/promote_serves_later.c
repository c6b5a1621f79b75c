//! What could not be bound before a promotion can afterwards, and not any more once the promoted library is gone.
//! kind: program
#include "test.h"

int main(void) {
  void *b = opened("libb.so", RTLD_NOW);
  opened("libasks.so", RTLD_NOW);
  void *again = opened("libb.so", RTLD_NOW | RTLD_GLOBAL);
  void *asks = opened("libasks.so", RTLD_NOW);
  call(asks, "asks");
  closed(b);
  closed(again);
  loaded("libb.so");
  closed(asks);
  loaded("libb.so");
  opened("libasks.so", RTLD_NOW);
}
