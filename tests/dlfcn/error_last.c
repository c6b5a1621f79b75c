//! It gives the last one.
//! kind: program
#include "test.h"

int main(void) {
  dlopen("libnowhere.so", RTLD_NOW);
  dlopen("libnothing.so", RTLD_NOW);
  puts(error());
  puts(error());
}
