//! dlclose runs the library's handlers, last in, first out.
//! kind: program
#include "test.h"

int main(void) {
  void *handle = opened("libregisters.so", RTLD_NOW);
  call(handle, "registers");
  closed(handle);
  puts("end");
}
