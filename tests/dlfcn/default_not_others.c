//! RTLD_DEFAULT does not see other local libraries.
//! kind: program
#include "test.h"

int main(void) {
  opened("liba.so", RTLD_NOW);
  call(opened("libresolves.so", RTLD_NOW), "find_default");
}
