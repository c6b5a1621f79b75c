//! It asks whether somebody defines a symbol.
int nowhere_weak(void) __attribute__((weak));
extern int nowhere_data __attribute__((weak));
int has_function(void) { return nowhere_weak != 0; }
int has_data(void) { return &nowhere_data != 0; }
