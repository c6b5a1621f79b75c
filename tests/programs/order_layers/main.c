//! The order of constructors and destructors for a->[bc]->[def]->[gh]->i.
//!
//! needed: liba
//!
//! run: main.wasm
//! stdout: i>h>g>f>e>d>c>b>a>{}<a<b<c<d<e<f<g<h<i[no newline]
#include <stdio.h>

int main(void) { return printf("{}") < 0; }
