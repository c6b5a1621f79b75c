//! A thousand handles, and as many closes.
//! kind: program
#include "test.h"

int main(void) {
  void *handle = NULL;
  for (int i = 0; i < 1000; i++) handle = opened("liba.so", RTLD_NOW);
  for (int i = 0; i < 999; i++) closed(handle);
  puts("one is left");
  closed(handle);
  puts("end");
}
