//! A symbol that nothing of the handle defines.
//! kind: program
#include "test.h"

int main(void) {
  void *handle = opened("libuser.so", RTLD_NOW);
  call(handle, "nowhere");
  call(handle, "who");
}
