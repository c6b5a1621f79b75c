//! A load that failed with RTLD_GLOBAL leaves no scope behind.
//! kind: program
#include "test.h"

int main(void) {
  opened("libneedsundefined.so", RTLD_NOW | RTLD_GLOBAL);
  opened("libasks.so", RTLD_NOW);
  printf("%d\n", dlsym(RTLD_DEFAULT, "who") != NULL);
}
