//! dladdr of data, and of what is inside it.
//! kind: program
#include "test.h"

int main(void) {
  void *handle = opened("libdata.so", RTLD_NOW), *number = dlsym(handle, "number");
  Dl_info info;
  if (dladdr(number, &info) == 0) return 1;
  printf("%s %s %d\n", base_name(info.dli_fname), info.dli_sname, info.dli_saddr == number);
  char *text = dlsym(handle, "text");
  if (dladdr(text + 2, &info) == 0) return 1;
  printf("%s %d\n", info.dli_sname, info.dli_saddr == (void *)text);
}
