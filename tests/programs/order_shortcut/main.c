//! The order of constructors and destructors for a->b->[de];a->c->d->e.
//!
//! needed: liba
//!
//! run: main.wasm
//! stdout: e>d>c>b>a>{}<a<b<c<d<e[no newline]
#include <stdio.h>

int main(void) { return printf("{}") < 0; }
