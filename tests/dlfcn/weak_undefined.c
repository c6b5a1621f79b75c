//! A weak symbol that nobody defines is no error.
//! kind: program
#include "test.h"

int main(void) {
  void *handle = opened("libweak.so", RTLD_NOW);
  call(handle, "has_function");
  call(handle, "has_data");
}
