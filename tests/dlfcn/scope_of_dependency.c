//! A dependency that is loaded already is looked up where it was.
//! kind: program
#include "test.h"

int main(void) {
  void *bottom = opened("libbottom.so", RTLD_NOW);
  call(bottom, "bottom");
  call(opened("libuse1.so", RTLD_NOW), "use1");
}
