//! The program's handle sees what was opened with RTLD_GLOBAL, before and after.
//! kind: program
#include "test.h"

int main(void) {
  void *self = dlopen(NULL, RTLD_NOW);
  call(self, "who");
  opened("liba.so", RTLD_NOW | RTLD_GLOBAL);
  call(self, "who");
}
