//! A weak reference that was bound to nothing stays so when its symbol becomes global.
//! kind: program
#include "test.h"

int main(void) {
  void *weak = opened("libweakwho.so", RTLD_NOW);
  opened("libb.so", RTLD_NOW);
  call(weak, "weak_who");
  opened("libb.so", RTLD_NOW | RTLD_GLOBAL);
  call(RTLD_DEFAULT, "who");
  call(weak, "weak_who");
}
