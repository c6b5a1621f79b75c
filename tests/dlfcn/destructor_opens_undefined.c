//! A destructor opens what cannot be bound.
//! kind: program
#include "test.h"

static void *handle;
static void at_end(void) {
  opened("libundefined.so", RTLD_NOW);
}
int main(void) {
  handle = opened("libdtorcalls.so", RTLD_NOW);
  *(void (**)(void))dlsym(handle, "at_end") = at_end;
  closed(handle);
  loaded("libundefined.so");
}
