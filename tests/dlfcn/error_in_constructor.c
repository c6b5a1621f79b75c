//! An error inside a constructor is not the error of the dlopen around it.
//! kind: program
#include "test.h"

int main(void) {
  void *handle = opened("libfails.so", RTLD_NOW);
  printf("%d ", handle != NULL);
  puts(error());
}
