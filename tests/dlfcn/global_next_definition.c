//! When the first global definition goes, the next one is found.
//! kind: program
#include "test.h"

int main(void) {
  void *handle = opened("liba.so", RTLD_NOW | RTLD_GLOBAL);
  opened("libb.so", RTLD_NOW | RTLD_GLOBAL);
  closed(handle);
  call(RTLD_DEFAULT, "who");
}
