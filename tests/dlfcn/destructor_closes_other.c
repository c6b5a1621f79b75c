//! A destructor closes another library: its destructors run once those of the first have.
//! kind: program
#include "test.h"

static void *handle;
static void *other;
static void at_end(void) {
  puts("closing");
  closed(other);
  puts("closed");
}
int main(void) {
  handle = opened("libdtorcalls.so", RTLD_NOW);
  *(void (**)(void))dlsym(handle, "at_end") = at_end;
  other = opened("libb.so", RTLD_NOW);
  closed(handle);
  loaded("libb.so");
}
