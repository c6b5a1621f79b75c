//! output: elsewhere/libgone.so
int gone(void) { return 0; }
