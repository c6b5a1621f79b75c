//! Of three wrappers that are opened one by one none has a next one, though all are global.
//! kind: program
#include "test.h"

int main(void) {
  void *handles[3] = {opened("libwrap1.so", RTLD_NOW | RTLD_GLOBAL), opened("libwrap2.so", RTLD_NOW | RTLD_GLOBAL),
                      opened("libwrap3.so", RTLD_NOW | RTLD_GLOBAL)};
  for (int at = 0; at < 3; at++) {
    call(handles[at], "work");
    call(handles[at], "next_data");
  }
}
