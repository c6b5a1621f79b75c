//! dladdr of a function: its library, its name, its address.
//! kind: program
#include "test.h"

int main(void) {
  void *handle = opened("liba.so", RTLD_NOW), *a = dlsym(handle, "a");
  Dl_info info;
  if (dladdr(a, &info) == 0) return 1;
  printf("%s %s %d\n", base_name(info.dli_fname), info.dli_sname, info.dli_saddr == a);
}
