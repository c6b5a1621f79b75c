//! dladdr of what belongs to nobody.
//! kind: program
#include "test.h"

int main(void) {
  Dl_info info;
  printf("%d\n", dladdr((void *)0, &info));
  puts(error());
}
