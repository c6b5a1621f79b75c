//! needed: liba
#include <stdlib.h>

typedef void function(void);
void shared(void);
void own(void) {}
/* In its own element segment: that slot is the function's for everybody. */
static function *const table[] = {own, shared};
function *b_address_of_shared(void) { return table[1]; }
function *b_address_of_own(void) { return table[0]; }
function *b_address_of_malloc(void) { return (function *)malloc; }
