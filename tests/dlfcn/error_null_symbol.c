//! A weak symbol's null is told from an error by dlerror.
//! kind: program
#include "test.h"

int main(void) {
  void *handle = opened("libweak.so", RTLD_NOW);
  dlerror();
  printf("%d ", dlsym(handle, "nowhere_weak") == NULL);
  puts(error());
}
