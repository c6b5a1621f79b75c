//! What a destructor opens with RTLD_GLOBAL is global from then on.
//! kind: program
#include "test.h"

static void *handle;
static void at_end(void) {
  call(RTLD_DEFAULT, "b");
  opened("libb.so", RTLD_NOW | RTLD_GLOBAL);
  call(RTLD_DEFAULT, "b");
}
int main(void) {
  handle = opened("libdtorcalls.so", RTLD_NOW);
  *(void (**)(void))dlsym(handle, "at_end") = at_end;
  closed(handle);
  call(RTLD_DEFAULT, "b");
}
