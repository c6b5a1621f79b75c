//! A module drawn from the bytes, in dynvm and in wasmtime.
#![no_main]

use std::sync::LazyLock;

use dynvm_differential::{STACK_SIZE_BYTES, compare, engine, of_bytes};
use libfuzzer_sys::fuzz_target;

static ENGINE: LazyLock<wasmtime::Engine> = LazyLock::new(engine);

fuzz_target!(|data: &[u8]| {
    let Some(case) = of_bytes(data) else { return };
    let thread = std::thread::Builder::new().stack_size(STACK_SIZE_BYTES);
    let compared = thread.spawn(move || compare(&case, &ENGINE)).expect("a thread can be had");
    let outcome = compared.join().expect("neither engine panics");
    assert!(outcome.mismatch.is_none(), "{:?}", outcome.mismatch);
});
