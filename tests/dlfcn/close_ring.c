//! A circle goes as a whole.
//! kind: program
#include "test.h"

int main(void) {
  void *handle = opened("libring1.so", RTLD_NOW);
  call(handle, "ring");
  closed(handle);
  puts("end");
}
