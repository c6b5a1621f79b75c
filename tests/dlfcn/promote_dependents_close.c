//! A promoted library goes when its handles do, whoever could have been bound to it before.
//! kind: program
#include "test.h"

int main(void) {
  void *weak = opened("libweakwho.so", RTLD_NOW);
  void *b = opened("libb.so", RTLD_NOW);
  void *again = opened("libb.so", RTLD_NOW | RTLD_GLOBAL);
  call(weak, "weak_who");
  closed(again);
  call(RTLD_DEFAULT, "who");
  closed(b);
  call(RTLD_DEFAULT, "who");
  call(weak, "weak_who");
}
