//! It takes the address of a function of liba.
//! needed: liba
int a(void);
void *address_of_a(void) { return (void *)a; }
