//! A destructor opens what is not there.
//! kind: program
#include "test.h"

static void *handle;
static void at_end(void) {
  opened("libnowhere.so", RTLD_NOW);
  opened("libneedsgone.so", RTLD_NOW);
}
int main(void) {
  handle = opened("libdtorcalls.so", RTLD_NOW);
  *(void (**)(void))dlsym(handle, "at_end") = at_end;
  closed(handle);
  printf("%s\n", error());
}
