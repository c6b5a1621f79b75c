//! RTLD_NOW and a function that nobody defines: no constructor runs, nothing stays.
//! kind: program
#include "test.h"

int main(void) {
  opened("libundefined.so", RTLD_NOW);
  loaded("libundefined.so");
  closed(opened("libb.so", RTLD_NOW));
}
