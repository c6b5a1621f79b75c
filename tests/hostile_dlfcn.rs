//! Guests give the dynamic linker any numbers for pointers, handles, flags and requests: every call
//! returns or traps, and what is loaded stays as it is.

use std::fs;

use dynvm::loader::{Flags, Handle};
use dynvm::{Options, Runtime};

const MAIN: &str = r#"(module (@dylink.0 (mem-info (memory 64 4) (table 1 0)))
  (import "env" "memory" (memory 0)) (import "env" "__memory_base" (global $memory i32))
  (import "env" "__indirect_function_table" (table 1 funcref)) (import "env" "__table_base" (global $table i32))
  (import "env" "dlopen" (func $dlopen (param i32 i32) (result i32)))
  (import "env" "dlsym" (func $dlsym (param i32 i32) (result i32)))
  (import "env" "dlclose" (func $dlclose (param i32) (result i32)))
  (import "env" "dlerror" (func $dlerror (result i32)))
  (import "env" "dladdr" (func $dladdr (param i32 i32) (result i32)))
  (import "env" "dlinfo" (func $dlinfo (param i32 i32 i32) (result i32)))
  (import "env" "dl_iterate_phdr" (func $iterate (param i32 i32) (result i32)))
  (import "env" "__cxa_atexit" (func $atexit (param i32 i32 i32) (result i32)))
  (import "env" "__cxa_finalize" (func $finalize (param i32)))
  (data (global.get $memory) "library.so\00")
  (elem (global.get $table) $callback)
  (func $callback (param i32 i32 i32) (result i32)
    (drop (call $dlclose (local.get 0))) (drop (call $iterate (i32.const -1) (i32.const 0))) (i32.const 0))
  (func (export "dlopen") (param i32 i32 i32) (result i32) (call $dlopen (local.get 0) (local.get 1)))
  (func (export "dlsym") (param i32 i32 i32) (result i32) (call $dlsym (local.get 0) (local.get 1)))
  (func (export "dlclose") (param i32 i32 i32) (result i32) (call $dlclose (local.get 0)))
  (func (export "dlerror") (param i32 i32 i32) (result i32) (call $dlerror))
  (func (export "dladdr") (param i32 i32 i32) (result i32) (call $dladdr (local.get 0) (local.get 1)))
  (func (export "dlinfo") (param i32 i32 i32) (result i32)
    (call $dlinfo (local.get 0) (local.get 1) (local.get 2)))
  (func (export "iterate") (param i32 i32 i32) (result i32) (call $iterate (local.get 0) (local.get 1)))
  (func (export "atexit") (param i32 i32 i32) (result i32)
    (call $atexit (local.get 0) (local.get 1) (local.get 2)))
  (func (export "finalize") (param i32 i32 i32) (result i32)
    (call $finalize (local.get 0)) (i32.const 0)))"#;

const LIBRARY: &str = r#"(module (@dylink.0 (mem-info (memory 16 4)))
  (import "env" "memory" (memory 0))
  (func (export "f") (result i32) (i32.const 1)))"#;

const FUNCTIONS: [&str; 9] =
    ["dlopen", "dlsym", "dlclose", "dlerror", "dladdr", "dlinfo", "iterate", "finalize", "atexit"];

#[test]
fn any_number_is_no_more_than_an_error() {
    let directory = tempfile::tempdir().expect("a directory");
    let write = |name: &str, text: &str| {
        fs::write(directory.path().join(name), wat::parse_str(text).expect("a module"))
            .expect("written");
    };
    write("main.wasm", MAIN);
    write("library.so", LIBRARY);
    let runtime = Runtime::open(&directory.path().join("main.wasm"), &Options::default());
    let mut runtime = runtime.unwrap_or_else(|error| panic!("{error}"));
    let path = directory.path().join("library.so");
    let library = runtime.open_library(&path, Flags(Flags::NOW.0 | Flags::NODELETE.0));
    let library = library.expect("it loads");
    let end = runtime.loader().process().memory_pages() as u32 * 0x1_0000;
    let numbers =
        [0, 1, 2, 5, 6, 0x102, library.number(), end - 1, end, 0x7fff_ffff, u32::MAX - 3, u32::MAX];
    let mut outcomes = [0_u32; 2];
    for function in FUNCTIONS {
        for (first, second) in numbers.iter().flat_map(|it| numbers.map(|other| (*it, other))) {
            for third in [0, 64, end - 2, u32::MAX] {
                let args = [first, second, third].map(|number| number.to_string());
                let outcome = runtime.invoke(function, &args);
                outcomes[usize::from(outcome.is_err())] += 1;
            }
        }
    }
    assert!(outcomes[0] > 1000, "{outcomes:?}");
    assert!(runtime.symbol(Handle::DEFAULT, "dlerror").is_ok(), "the program is still there");
    assert!(runtime.symbol(library, "f").is_ok(), "the library is still there");
}
