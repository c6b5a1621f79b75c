//! A function that is found is the one that the library calls.
//! kind: program
#include "test.h"

int main(void) {
  void *handle = opened("libuser.so", RTLD_NOW);
  call(handle, "a");
  call(handle, "user");
  call(handle, "a");
}
