//! A corner of a diamond stays, and what it needs.
//! kind: program
#include "test.h"

int main(void) {
  void *top = opened("libtop.so", RTLD_NOW);
  void *left = opened("libleft.so", RTLD_NOW);
  closed(top);
  puts("top is closed");
  closed(left);
  puts("end");
}
