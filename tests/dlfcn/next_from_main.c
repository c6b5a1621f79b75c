//! RTLD_NEXT from the program is what its libraries define.
//! kind: program
//! needed: liba libb
#include "test.h"

int who(void) { return 'm'; }
int main(void) {
  call(RTLD_DEFAULT, "who");
  call(RTLD_NEXT, "who");
  call(RTLD_NEXT, "b");
}
