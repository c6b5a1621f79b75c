//! A library that is nowhere: who needs it, and where it was looked for.
//!
//! needed: liba
//!
//! run: main.wasm
//! stderr: dynvm: cannot find `libgone.so` (needed by liba.so)
//! stderr:   searched ../../../examples/libc
//! stderr:   searched .
//! stderr:   searched /lib
//! stderr:   searched /usr/lib
//! exit: 127
//!
//! run: -L $TMP main.wasm
//! stderr: dynvm: cannot find `libgone.so` (needed by liba.so)
//! stderr:   searched $TMP
//! stderr:   searched ../../../examples/libc
//! stderr:   searched .
//! stderr:   searched /lib
//! stderr:   searched /usr/lib
//! exit: 127
int a(void);
int main(void) { return a(); }
