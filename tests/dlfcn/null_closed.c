//! The program's handle can be closed as often as it was given, and once more for the start.
//! kind: program
#include "test.h"

int main(void) {
  void *self = dlopen(NULL, RTLD_NOW);
  closed(self);
  puts("closed");
  closed(self);
  puts("closed");
  closed(self);
}
