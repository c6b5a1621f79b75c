//! The order of constructors and destructors for a->b->[cd]->e.
//!
//! needed: liba
//!
//! run: main.wasm
#include <stdio.h>

int main(void) { return printf("{}") < 0; }
