//! It is where nobody looks.
//! output: elsewhere/libgone.so
int gone(void) { return 1; }
