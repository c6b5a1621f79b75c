//! What is not loaded cannot be promoted, nor what was closed.
//! kind: program
#include "test.h"

int main(void) {
  opened("libb.so", RTLD_NOW | RTLD_NOLOAD | RTLD_GLOBAL);
  call(RTLD_DEFAULT, "b");
  closed(opened("libb.so", RTLD_NOW | RTLD_GLOBAL));
  opened("libb.so", RTLD_NOW | RTLD_NOLOAD | RTLD_GLOBAL);
  opened("libb.so", RTLD_NOW);
  call(RTLD_DEFAULT, "b");
}
