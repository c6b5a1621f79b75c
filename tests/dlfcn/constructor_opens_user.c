//! A constructor opens a library that needs its own.
//! kind: program
#include "test.h"

int main(void) {
  void *handle = opened("libopensuser.so", RTLD_NOW);
  closed(handle);
  puts("end");
}
