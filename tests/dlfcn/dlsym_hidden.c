//! Hidden and static functions are not found.
//! kind: program
#include "test.h"

int main(void) {
  void *handle = opened("libhidden.so", RTLD_NOW);
  call(handle, "visible_one");
  call(handle, "hidden_one");
  call(handle, "static_one");
}
