//! A bare name is looked for in the runpath of the library that asks.
//! kind: program
#include "test.h"

int main(void) {
  opened("libinner.so", RTLD_NOW);
  call(opened("libwhere.so", RTLD_NOW), "open_inner");
  call(opened("libinner.so", RTLD_NOW), "inner");
}
