//! A constructor opens its own library.
//! kind: program
#include "test.h"

int main(void) {
  void *handle = opened("libopensitself.so", RTLD_NOW);
  closed(handle);
  loaded("libopensitself.so");
}
