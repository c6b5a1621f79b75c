//! A destructor takes another handle of what is open: it stays when the first one is given back.
//! kind: program
#include "test.h"

static void *handle;
static void at_end(void) {
  opened("libb.so", RTLD_NOW);
}
int main(void) {
  handle = opened("libdtorcalls.so", RTLD_NOW);
  *(void (**)(void))dlsym(handle, "at_end") = at_end;
  void *b = opened("libb.so", RTLD_NOW);
  closed(handle);
  closed(b);
  loaded("libb.so");
}
