//! Where libraries are looked for: the runpath of who needs them, -L,
//! DYNVM_LIBRARY_PATH, the folder of the program; and what is said when they are nowhere.
//!
//! needed: libdeep
//! runpath: $ORIGIN/lib
//!
//! run: main.wasm
//! stdout: found below lib/deeper
//!
//! run: norunpath.wasm
//! env: DYNVM_LIBRARY_PATH=../../../examples/libc
//! stderr: dynvm: cannot find `libdeep.so` (needed by norunpath.wasm)
//! stderr:   searched ../../../examples/libc
//! stderr:   searched .
//! stderr:   searched /lib
//! stderr:   searched /usr/lib
//! exit: 127
//!
//! run: -L lib norunpath.wasm
//! stdout: found below lib/deeper
//!
//! run: norunpath.wasm
//! env: DYNVM_LIBRARY_PATH=lib:../../../examples/libc
//! stdout: found below lib/deeper
//!
//! run: -L lib nodeep.wasm
//! stderr: dynvm: cannot find `libdeeper.so` (needed by nodeep.wasm)
//! stderr:   searched lib
//! stderr:   searched ../../../examples/libc
//! stderr:   searched .
//! stderr:   searched /lib
//! stderr:   searched /usr/lib
//! exit: 127
//!
//! run: nolibc.wasm
//! env: DYNVM_LIBRARY_PATH=
//! stderr: dynvm: cannot find `libmini.so` (needed by nolibc.wasm)
//! stderr:   searched .
//! stderr:   searched /lib
//! stderr:   searched /usr/lib
//! exit: 127
#include <stdio.h>

const char *deep(void);

int main(void) {
  puts(deep());
  return 0;
}
