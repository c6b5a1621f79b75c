//! A function has one address, whoever asks.
//! kind: program
//! needed: liba
#include "test.h"

int a(void);
int main(void) {
  void *handle = opened("libtakes.so", RTLD_NOW);
  void *(*address_of_a)(void) = (void *(*)(void))dlsym(handle, "address_of_a");
  printf("%d\n", address_of_a() == (void *)a);
  printf("%d\n", dlsym(RTLD_DEFAULT, "a") == (void *)a);
  printf("%d\n", dlsym(opened("liba.so", RTLD_NOW), "a") == (void *)a);
}
