//! dladdr of an address inside of an object names the object, and where it starts.
//! kind: program
#include "test.h"

int main(void) {
  char *data = dlsym(opened("liba.so", RTLD_NOW), "a_data");
  Dl_info info;
  for (int offset = 0; offset < 4; offset++) {
    if (dladdr(data + offset, &info) == 0) return 1;
    printf("%s %d %s\n", info.dli_sname, (char *)info.dli_saddr == data, base_name(info.dli_fname));
  }
}
