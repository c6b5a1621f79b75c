//! With RTLD_LAZY an undefined function is no error until it is called.
//! kind: program
#include "test.h"

int main(void) {
  void *handle = opened("libundefined.so", RTLD_LAZY);
  call(handle, "defined");
}
