//! The order of constructors and destructors for a->[bc]->[def]->[gh]->i.
//!
//! needed: liba
//!
//! run: main.wasm
#include <stdio.h>

int main(void) { return printf("{}") < 0; }
