//! The order of constructors and destructors for a->b->c->a. The circle is cut where it closes.
//!
//! needed: liba
//!
//! run: main.wasm
//! stdout: b>a>c>{}<c<a<b[no newline]
#include <stdio.h>

int main(void) { return printf("{}") < 0; }
