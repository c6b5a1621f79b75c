//! A dependency stays as long as one that needs it.
//! kind: program
#include "test.h"

int main(void) {
  void *user = opened("libuser.so", RTLD_NOW);
  void *a = opened("liba.so", RTLD_NOW);
  closed(a);
  loaded("liba.so");
  closed(user);
  loaded("liba.so");
}
