//! What was opened by path is what others need by name.
//! kind: program
#include "test.h"

int main(void) {
  void *handle = opened("./liba.so", RTLD_NOW);
  call(handle, "a");
  call(opened("libuser.so", RTLD_NOW), "user");
}
