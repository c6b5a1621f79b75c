//! Its destructor does what the program says.
#define NAME "dtorcalls"
#include "loud.h"
#include "test.h"

void (*at_end)(void);
__attribute__((destructor)) static void do_it(void) {
  if (at_end != NULL) at_end();
}
int dtorcalls(void) { return 6; }
