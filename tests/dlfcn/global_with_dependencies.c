//! RTLD_GLOBAL is for the dependencies too.
//! kind: program
#include "test.h"

int main(void) {
  opened("libuser.so", RTLD_NOW | RTLD_GLOBAL);
  call(RTLD_DEFAULT, "who");
}
