//! dlerror gives an error once.
//! kind: program
#include "test.h"

int main(void) {
  dlopen("libnowhere.so", RTLD_NOW);
  puts(error());
  puts(error());
}
