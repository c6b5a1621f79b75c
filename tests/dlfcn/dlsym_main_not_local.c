//! The program's handle does not see what was opened with RTLD_LOCAL.
//! kind: program
#include "test.h"

int main(void) {
  opened("liba.so", RTLD_NOW);
  call(dlopen(NULL, RTLD_NOW), "who");
}
