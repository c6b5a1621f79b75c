//! So does RTLD_NOLOAD with RTLD_GLOBAL.
//! kind: program
#include "test.h"

int main(void) {
  opened("liba.so", RTLD_NOW);
  opened("liba.so", RTLD_NOW | RTLD_NOLOAD | RTLD_GLOBAL);
  call(RTLD_DEFAULT, "who");
}
