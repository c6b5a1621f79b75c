//! A destructor makes global what is open.
//! kind: program
#include "test.h"

static void *handle;
static void at_end(void) {
  closed(dlopen("libb.so", RTLD_NOW | RTLD_NOLOAD | RTLD_GLOBAL));
}
int main(void) {
  handle = opened("libdtorcalls.so", RTLD_NOW);
  *(void (**)(void))dlsym(handle, "at_end") = at_end;
  opened("libb.so", RTLD_NOW);
  call(RTLD_DEFAULT, "b");
  closed(handle);
  call(RTLD_DEFAULT, "b");
}
