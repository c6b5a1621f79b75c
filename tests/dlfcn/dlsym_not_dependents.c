//! A handle does not find what the library's users define.
//! kind: program
#include "test.h"

int main(void) {
  opened("libuser.so", RTLD_NOW);
  call(opened("liba.so", RTLD_NOW), "user");
}
