//! A promotion takes along what the library needs; that of a dependency takes only that.
//! kind: program
#include "test.h"

int main(void) {
  opened("libtop.so", RTLD_NOW);
  call(RTLD_DEFAULT, "bottom");
  dlopen("libleft.so", RTLD_NOW | RTLD_NOLOAD | RTLD_GLOBAL);
  call(RTLD_DEFAULT, "left");
  call(RTLD_DEFAULT, "bottom");
  call(RTLD_DEFAULT, "right");
  dlopen("libtop.so", RTLD_NOW | RTLD_NOLOAD | RTLD_GLOBAL);
  call(RTLD_DEFAULT, "right");
}
