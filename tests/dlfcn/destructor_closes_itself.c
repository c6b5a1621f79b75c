//! A destructor cannot close its own library once more.
//! kind: program
#include "test.h"

static void *handle;
static void at_end(void) {
  closed(handle);
}
int main(void) {
  handle = opened("libdtorcalls.so", RTLD_NOW);
  *(void (**)(void))dlsym(handle, "at_end") = at_end;
  closed(handle);
  loaded("libdtorcalls.so");
}
