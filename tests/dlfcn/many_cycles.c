//! A thousand times open, call, close.
//! kind: program
#include "test.h"

int main(void) {
  int sum = 0;
  for (int i = 0; i < 1000; i++) {
    void *handle = dlopen("libcounter.so", RTLD_NOW);
    sum += ((function *)dlsym(handle, "next"))();
    dlclose(handle);
  }
  printf("%d\n", sum);
}
