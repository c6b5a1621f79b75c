//! The order of constructors and destructors for a->b->c->d->e;{}->[abcde]. Main lists all of them, in any order.
//!
//! needed: liba libb libc libd libe
//!
//! run: main.wasm
//! stdout: e>d>c>b>a>{}<a<b<c<d<e[no newline]
//!
//! run: main2.wasm
//! stdout: e>d>c>b>a>{}<a<b<c<d<e[no newline]
//!
//! run: main3.wasm
//! stdout: e>d>c>b>a>{}<a<b<c<d<e[no newline]
#include <stdio.h>

int main(void) { return printf("{}") < 0; }
