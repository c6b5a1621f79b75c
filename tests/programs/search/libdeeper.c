//! output: lib/deeper/libdeeper.so
const char *deeper(void) { return "found below lib/deeper"; }
