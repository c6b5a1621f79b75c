//! A destructor finds its own symbols, by its handle too, and no others.
//! kind: program
#include "test.h"

static void *handle;
static void at_end(void) {
  call(handle, "dtorcalls");
  call(handle, "nowhere");
  call(RTLD_DEFAULT, "dtorcalls");
}
int main(void) {
  handle = opened("libdtorcalls.so", RTLD_NOW);
  *(void (**)(void))dlsym(handle, "at_end") = at_end;
  closed(handle);
}
