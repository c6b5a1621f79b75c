//! The order of constructors and destructors for a->[bc];b->[cde];e->f.
//!
//! needed: liba
//!
//! run: main.wasm
#include <stdio.h>

int main(void) { return printf("{}") < 0; }
