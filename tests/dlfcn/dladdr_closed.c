//! dladdr of a function of a library that is gone.
//! kind: program
#include "test.h"

int main(void) {
  void *handle = opened("liba.so", RTLD_NOW), *a = dlsym(handle, "a");
  closed(handle);
  Dl_info info;
  printf("%d\n", dladdr(a, &info));
}
