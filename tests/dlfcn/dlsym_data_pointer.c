//! Data has one address, and pointers in it work.
//! kind: program
#include "test.h"

int main(void) {
  void *handle = opened("libdata.so", RTLD_NOW);
  int *(*address)(void) = (int *(*)(void))dlsym(handle, "address_of_number");
  printf("%d\n", address() == dlsym(handle, "number"));
  puts(dlsym(handle, "text"));
  int (**pointer)(int) = dlsym(handle, "function_pointer");
  printf("%d\n", (*pointer)(21));
}
