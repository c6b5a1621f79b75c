//! Objects of a closed library are destructed in the reverse order of their construction.
//! kind: program
#include "test.h"

int main(void) {
  void *handle = opened("libstatics.so", RTLD_NOW);
  call(handle, "late");
  call(handle, "late");
  closed(handle);
  puts("closed");
}
