//! An error is about the last call: what a later one finds clears it, and closing does too.
//! kind: program
#include "test.h"

int main(void) {
  void *handle = opened("liba.so", RTLD_NOW);
  dlsym(handle, "nowhere");
  dlsym(handle, "a");
  puts(error());
  dlsym(handle, "nowhere");
  closed(handle);
  puts(error());
  dlopen("nowhere.so", RTLD_NOW);
  dlsym(RTLD_DEFAULT, "printf");
  puts(error());
  dlopen("nowhere.so", RTLD_NOW);
  dlopen("liba.so", RTLD_NOW | RTLD_NOLOAD);
  puts(error());
}
