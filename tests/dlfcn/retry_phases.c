//! After a failure at each phase the next open succeeds.
//! kind: program
#include "test.h"

int main(void) {
  opened("libnowhere.so", RTLD_NOW);
  closed(opened("liba.so", RTLD_NOW));
  opened("libneedsgone.so", RTLD_NOW);
  closed(opened("liba.so", RTLD_NOW));
  dlopen("./test.h", RTLD_NOW);
  closed(opened("liba.so", RTLD_NOW));
  opened("libneedsundefined.so", RTLD_NOW);
  closed(opened("liba.so", RTLD_NOW));
  opened("libundefineddata.so", RTLD_NOW);
  closed(opened("liba.so", RTLD_NOW));
  opened("liba.so", RTLD_NOW | 0x4000);
  closed(opened("liba.so", RTLD_NOW));
}
