//! The order of constructors and destructors for a->[bc];b->[cde];e->f.
//!
//! needed: liba
//!
//! run: main.wasm
//! stdout: f>e>d>c>b>a>{}<a<b<c<d<e<f[no newline]
#include <stdio.h>

int main(void) { return printf("{}") < 0; }
