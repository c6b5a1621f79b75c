//! Who holds one of a circle holds all.
//! kind: program
#include "test.h"

int main(void) {
  void *first = opened("libring1.so", RTLD_NOW);
  void *third = opened("libring3.so", RTLD_NOW);
  closed(first);
  puts("first is closed");
  closed(third);
  puts("end");
}
