//! Libraries are searched in the order in which they became global, not in that of their loading.
//! kind: program
#include "test.h"

int main(void) {
  opened("liba.so", RTLD_NOW);
  opened("libb.so", RTLD_NOW);
  call(RTLD_DEFAULT, "who");
  dlopen("libb.so", RTLD_NOW | RTLD_NOLOAD | RTLD_GLOBAL);
  call(RTLD_DEFAULT, "who");
  dlopen("liba.so", RTLD_NOW | RTLD_NOLOAD | RTLD_GLOBAL);
  call(RTLD_DEFAULT, "who");
  call(RTLD_DEFAULT, "a");
}
