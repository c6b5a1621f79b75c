//! The circle entered at another place.
//! kind: program
#include "test.h"

int main(void) {
  void *handle = opened("libring2.so", RTLD_NOW);
  closed(handle);
  puts("end");
}
