//! RTLD_NOLOAD of what is not loaded gives no handle, and is no error.
//! kind: program
#include "test.h"

int main(void) {
  void *handle = dlopen("liba.so", RTLD_NOW | RTLD_NOLOAD);
  printf("%d %s\n", handle == NULL, error());
}
