//! A call that succeeds clears the error before it.
//! kind: program
#include "test.h"

int main(void) {
  void *handle = opened("liba.so", RTLD_NOW);
  dlsym(handle, "nowhere");
  dlsym(handle, "a");
  puts(error());
  dlopen("libnowhere.so", RTLD_NOW);
  closed(handle);
  puts(error());
}
