//! Of two global libraries the one that was opened first wins.
//! kind: program
#include "test.h"

int main(void) {
  opened("libb.so", RTLD_NOW | RTLD_GLOBAL);
  opened("liba.so", RTLD_NOW | RTLD_GLOBAL);
  call(RTLD_DEFAULT, "who");
  call(opened("libasks.so", RTLD_NOW), "asks");
}
