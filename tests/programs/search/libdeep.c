//! needed: libdeeper
//! runpath: ${ORIGIN}/deeper
//! output: lib/libdeep.so
const char *deeper(void);
const char *deep(void) { return deeper(); }
