//! The order of constructors and destructors for a->b->c->d->e;{}->[abcde]. Main lists all of them, in any order.
//!
//! needed: liba libb libc libd libe
//!
//! run: main.wasm
//!
//! run: main2.wasm
//!
//! run: main3.wasm
#include <stdio.h>

int main(void) { return printf("{}") < 0; }
