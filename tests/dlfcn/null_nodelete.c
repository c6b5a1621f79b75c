//! RTLD_NODELETE of the program: its handle can be closed any number of times.
//! kind: program
#include "test.h"

int main(void) {
  void *self = dlopen(NULL, RTLD_NOW | RTLD_NODELETE);
  for (int time = 0; time < 4; time++) closed(self);
  puts("closed");
  call(self, "nowhere");
}
