//! A flag that does not exist is an error.
//! kind: program
#include "test.h"

int main(void) {
  opened("liba.so", RTLD_NOW | 0x4000);
  opened("liba.so", RTLD_NOW | 0x100000);
  loaded("liba.so");
}
