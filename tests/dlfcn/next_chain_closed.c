//! The chain of a group that was closed and opened again.
//! kind: program
#include "test.h"

int main(void) {
  for (int time = 0; time < 2; time++) {
    void *handle = opened("libnext1.so", RTLD_NOW);
    call(handle, "layer");
    closed(handle);
  }
  loaded("libnext3.so");
}
