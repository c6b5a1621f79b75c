//! dladdr of a function of the program.
//! kind: program
#include "test.h"

int own(void) { return 1; }
int main(void) {
  Dl_info info;
  if (dladdr((void *)own, &info) == 0) return 1;
  printf("%s %d\n", info.dli_sname, info.dli_saddr == (void *)own);
}
