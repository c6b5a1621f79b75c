//! Nor is a text.
//! kind: program
#include "test.h"

int main(void) {
  printf("%d\n", dlopen("./test.h", RTLD_NOW) == NULL);
  closed(opened("liba.so", RTLD_NOW));
}
