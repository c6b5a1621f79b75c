//! So it does when it is global.
//! kind: program
#include "test.h"

int main(void) {
  opened("libnext.so", RTLD_NOW | RTLD_GLOBAL);
  opened("liba.so", RTLD_NOW | RTLD_GLOBAL);
  call(RTLD_DEFAULT, "who");
}
