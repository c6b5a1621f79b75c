//! RTLD_NOLOAD finds a dependency, and keeps it.
//! kind: program
#include "test.h"

int main(void) {
  void *user = opened("libuser.so", RTLD_NOW);
  void *dependency = opened("liba.so", RTLD_NOW | RTLD_NOLOAD);
  closed(user);
  puts("user is closed");
  call(dependency, "a");
  closed(dependency);
  puts("end");
}
