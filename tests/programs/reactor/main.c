//! A module without _start: _initialize runs first, then the function asked for.
//!
//! libmini: no
//! link: --no-entry --export=_initialize --export=add --export=halve --export=nothing
//! cflags: -fno-pic
//!
//! run: --invoke add main.wasm 2 3
//! stdout: 1005
//!
//! run: --invoke halve main.wasm 5
//! stdout: 2.5
//!
//! run: --invoke nothing main.wasm
//!
//! run: --invoke missing main.wasm
//! stderr: dynvm: `main.wasm` exports no function `missing`
//! exit: 127
//!
//! run: --invoke add main.wasm 2
//! stderr: dynvm: function `add` has type (i32, i64) -> (i64): expected 2 arguments, found 1
//! exit: 2
//!
//! run: main.wasm

static int base;

void _initialize(void) { base = 1000; }
long long add(int a, long long b) { return base + a + b; }
double halve(double value) { return value / 2; }
void nothing(void) {}
