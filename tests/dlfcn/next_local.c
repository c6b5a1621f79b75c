//! RTLD_NEXT of a library that was opened stays in its own search list.
//! kind: program
#include "test.h"

int main(void) {
  opened("liba.so", RTLD_NOW | RTLD_GLOBAL);
  call(opened("libnext.so", RTLD_NOW), "who");
}
