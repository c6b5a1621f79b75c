//! RTLD_NEXT does not find what stands before the one that asks.
//! kind: program
//! needed: libwrap1 libwrap2
#include "test.h"

int main(void) {
  call(RTLD_DEFAULT, "only_first");
  call(RTLD_DEFAULT, "next_of_first");
  call(RTLD_NEXT, "only_first");
  call(RTLD_NEXT, "only_last");
}
