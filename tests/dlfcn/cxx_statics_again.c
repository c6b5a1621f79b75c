//! Opened again, a library constructs its objects again.
//! kind: program
#include "test.h"

int main(void) {
  for (int time = 0; time < 2; time++) {
    void *handle = opened("libstatics.so", RTLD_NOW);
    if (time == 1) call(handle, "never");
    closed(handle);
  }
}
