//! A library that was unloaded and opened again is a fresh copy.
//! kind: program
#include "test.h"

int main(void) {
  for (int i = 0; i < 3; i++) {
    void *handle = opened("libcounter.so", RTLD_NOW);
    call(handle, "next");
    call(handle, "next");
    closed(handle);
  }
}
