//! A thousand times open, call, close; or as often as the argument says.
//! kind: program
#include "test.h"

int main(int argc, char **argv) {
  int sum = 0, cycles = argc > 1 ? atoi(argv[1]) : 1000;
  for (int i = 0; i < cycles; i++) {
    void *handle = dlopen("libcounter.so", RTLD_NOW);
    sum += ((function *)dlsym(handle, "next"))();
    dlclose(handle);
  }
  printf("%d\n", sum);
}
