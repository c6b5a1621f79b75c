//! RTLD_NEXT finds data too, and nothing behind the last definition.
//! kind: program
//! needed: libwrap3 libwrap1 libwrap2
#include "test.h"

int address_data = 9;
int main(void) {
  printf("%d\n", *(int *)dlsym(RTLD_NEXT, "address_data"));
  const char *names[] = {"libwrap3.so", "libwrap1.so", "libwrap2.so"};
  for (int at = 0; at < 3; at++) {
    void *handle = opened(names[at], RTLD_NOW);
    call(handle, "next_data");
    closed(handle);
  }
}
