//! A library of start-up has its handles, and stays.
//! kind: program
//! needed: liba
#include "test.h"

int main(void) {
  void *handle = opened("liba.so", RTLD_NOW);
  closed(handle);
  loaded("liba.so");
  closed(handle);
}
