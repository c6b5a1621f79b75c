//! A library that another one's code was bound to stays as long as that one.
//! kind: program
#include "test.h"

int main(void) {
  void *a = opened("liba.so", RTLD_NOW | RTLD_GLOBAL);
  void *asks = opened("libasks.so", RTLD_NOW);
  closed(a);
  puts("a is closed");
  call(asks, "asks");
  closed(asks);
  puts("end");
}
