//! A library that stays can be closed too often, which is an error.
//! kind: program
#include "test.h"

int main(void) {
  void *handle = opened("liba.so", RTLD_NOW | RTLD_NODELETE);
  closed(handle);
  closed(handle);
  closed(handle);
}
