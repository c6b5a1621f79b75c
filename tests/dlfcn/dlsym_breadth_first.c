//! Of two definitions the one that is nearer by breadth wins.
//! kind: program
#include "test.h"

int main(void) {
  void *handle = opened("libnext1.so", RTLD_NOW);
  call(handle, "layer");
  handle = opened("libnext2.so", RTLD_NOW);
  call(handle, "layer");
}
