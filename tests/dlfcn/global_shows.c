//! With RTLD_GLOBAL they can.
//! kind: program
#include "test.h"

int main(void) {
  opened("liba.so", RTLD_NOW | RTLD_GLOBAL);
  call(RTLD_DEFAULT, "who");
  call(opened("libasks.so", RTLD_NOW), "asks");
}
