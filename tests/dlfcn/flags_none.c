//! Neither RTLD_LAZY nor RTLD_NOW is an error.
//! kind: program
#include "test.h"

int main(void) {
  opened("liba.so", 0);
  opened("liba.so", RTLD_GLOBAL);
  opened("liba.so", RTLD_NODELETE | RTLD_NOLOAD);
  loaded("liba.so");
}
