//! Opening again without RTLD_GLOBAL changes nothing.
//! kind: program
#include "test.h"

int main(void) {
  opened("liba.so", RTLD_NOW | RTLD_GLOBAL);
  opened("liba.so", RTLD_NOW | RTLD_LOCAL);
  call(RTLD_DEFAULT, "who");
}
