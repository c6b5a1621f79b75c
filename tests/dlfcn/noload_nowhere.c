//! RTLD_NOLOAD of what does not exist.
//! kind: program
#include "test.h"

int main(void) {
  void *handle = dlopen("libnowhere.so", RTLD_NOW | RTLD_NOLOAD);
  printf("%d %s\n", handle == NULL, error());
}
