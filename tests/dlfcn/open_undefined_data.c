//! Data that nobody defines cannot wait, with RTLD_LAZY neither.
//! kind: program
#include "test.h"

int main(void) {
  opened("libundefineddata.so", RTLD_LAZY);
  loaded("libundefineddata.so");
}
