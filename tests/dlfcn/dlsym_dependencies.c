//! A handle finds what the dependencies define, breadth first.
//! kind: program
#include "test.h"

int main(void) {
  void *handle = opened("libtop.so", RTLD_NOW);
  call(handle, "bottom");
  call(handle, "left");
  call(handle, "right");
}
