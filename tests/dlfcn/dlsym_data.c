//! Data that is found is what the library uses.
//! kind: program
#include "test.h"

int main(void) {
  void *handle = opened("liba.so", RTLD_NOW);
  int *data = dlsym(handle, "a_data");
  printf("%d\n", *data);
  call(handle, "a");
  printf("%d\n", *data);
  *data = 100;
  call(handle, "a");
}
