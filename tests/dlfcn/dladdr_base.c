//! All of a library has one base.
//! kind: program
#include "test.h"

int main(void) {
  void *handle = opened("libdata.so", RTLD_NOW);
  Dl_info number, text;
  dladdr(dlsym(handle, "number"), &number);
  dladdr(dlsym(handle, "address_of_number"), &text);
  printf("%d %s\n", number.dli_fbase == text.dli_fbase, base_name(number.dli_fname));
}
