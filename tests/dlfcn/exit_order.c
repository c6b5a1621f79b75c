//! What is still open at exit is destructed, dependents first.
//! kind: program
#include "test.h"

int main(void) {
  opened("libuser.so", RTLD_NOW);
  opened("libb.so", RTLD_NOW);
  puts("main");
}
