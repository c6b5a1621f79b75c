//! With RTLD_DEEPBIND the library's own scope comes first.
//! kind: program
#include "test.h"

int main(void) {
  opened("liba.so", RTLD_NOW | RTLD_GLOBAL);
  call(opened("libdeep.so", RTLD_NOW | RTLD_DEEPBIND), "deep");
}
