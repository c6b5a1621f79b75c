//! The program's own symbols by its handle, RTLD_DEFAULT, and not by a library's.
//! kind: program
#include "test.h"

int own(void) { return 6; }
int main(void) {
  call(dlopen(NULL, RTLD_NOW), "own");
  call(RTLD_DEFAULT, "own");
  call(opened("liba.so", RTLD_NOW), "own");
}
