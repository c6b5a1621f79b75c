//! dladdr of a static function names the library and no symbol.
//! kind: program
#include "test.h"

int main(void) {
  void *handle = opened("libdata.so", RTLD_NOW);
  void **pointer = dlsym(handle, "function_pointer");
  Dl_info info;
  if (dladdr(*pointer, &info) == 0) return 1;
  printf("%s %d %d\n", base_name(info.dli_fname), info.dli_sname == NULL, info.dli_saddr == NULL);
}
