//! So does that of a library that was global before.
//! kind: program
#include "test.h"

int main(void) {
  opened("liba.so", RTLD_NOW | RTLD_GLOBAL);
  opened("libb.so", RTLD_NOW | RTLD_GLOBAL);
  call(opened("libdeep.so", RTLD_NOW), "deep");
}
