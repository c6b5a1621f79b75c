//! A constructor ends the program.
//! kind: program
#include "test.h"

int main(void) {
  opened("libb.so", RTLD_NOW);
  opened("libexits.so", RTLD_NOW);
  puts("never");
}
