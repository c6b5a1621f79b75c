//! It is where only libwhere looks.
//! output: sub/libinner.so
int inner(void) { return 77; }
