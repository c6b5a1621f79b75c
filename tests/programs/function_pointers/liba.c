#include <stdio.h>

typedef void function(void);
void mains(void);
void shared(void) { puts("called a function of liba"); }
function *a_address_of_shared(void) { return shared; }
function *a_address_of_mains(void) { return mains; }
