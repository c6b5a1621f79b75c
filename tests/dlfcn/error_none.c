//! There is none at first, nor after success.
//! kind: program
#include "test.h"

int main(void) {
  puts(error());
  closed(opened("liba.so", RTLD_NOW));
  puts(error());
}
