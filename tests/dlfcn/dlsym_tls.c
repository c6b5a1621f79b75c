//! A thread-local variable that is found is the calling thread's, which the library uses.
//! kind: program
#include "test.h"

int main(void) {
  void *handle = opened("libtls.so", RTLD_NOW);
  int *value = dlsym(handle, "tls_value"), *zero = dlsym(handle, "tls_zero");
  int (*bump)(void) = (int (*)(void))dlsym(handle, "tls_bump");
  printf("%d %d\n", *value, *zero);
  printf("%d\n", bump());
  printf("%d %d\n", *value, *zero);
  *value = 40;
  printf("%d\n", bump());
  printf("same place: %d\n", value == dlsym(handle, "tls_value"));
  int *other = dlsym(handle, "tls_other");
  printf("missing: %d %s\n", other == NULL, error());
}
