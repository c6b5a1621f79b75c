//! A library whose dependency is nowhere: nothing of it stays, and others can be opened.
//! kind: program
#include "test.h"

int main(void) {
  opened("libneedsgone.so", RTLD_NOW);
  loaded("libneedsgone.so");
  loaded("liba.so");
  closed(opened("liba.so", RTLD_NOW));
}
