//! What a library needs that stays, stays.
//! kind: program
#include "test.h"

int main(void) {
  closed(opened("libuser.so", RTLD_NOW | RTLD_NODELETE));
  loaded("liba.so");
  puts("end");
}
