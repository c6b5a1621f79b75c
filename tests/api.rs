//! The public Rust API: a program is loaded, its functions are called, its symbols looked up.

use std::fs;
use std::path::PathBuf;

use dynvm::loader::{Flags, Handle};
use dynvm::vm::value::Value;
use dynvm::{Error, Options, Runtime};

fn module(text: &str) -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().expect("a directory for the module");
    let path = directory.path().join("one.wasm");
    fs::write(&path, wat::parse_str(text).expect("a module")).expect("the module is written");
    (directory, path)
}

#[test]
fn functions_and_symbols() {
    let (_directory, path) = module(
        r#"(module
          (@dylink.0 (mem-info (memory 16 3)))
          (import "env" "memory" (memory 0))
          (import "env" "__memory_base" (global $base i32))
          (global (export "word") i32 (i32.const 8))
          (data (global.get $base) "........\2a\00\00\00....")
          (func (export "add") (param i32 i64) (result i64)
            (i64.add (i64.extend_i32_s (local.get 0)) (local.get 1))))"#,
    );
    let mut runtime = Runtime::open(&path, &Options::default()).expect("it loads");
    let arguments = ["-2".to_owned(), "44".to_owned()];
    let results = runtime.invoke("add", &arguments).expect("it returns");
    assert_eq!(results, [Value::I64(42)]);

    let word = runtime.symbol(Handle::DEFAULT, "word").expect("it is defined") as usize;
    assert_eq!(runtime.loader().process().memory()[word..word + 4], [42, 0, 0, 0]);
    let add = runtime.symbol(Handle::DEFAULT, "add").expect("it is defined");
    let func = runtime.loader().process().table_get(add).expect("it has a slot");
    let process = runtime.loader().process_mut();
    let results = process.call(func, &[Value::I32(1), Value::I64(2)]).expect("it returns");
    assert_eq!(results, [Value::I64(3)]);

    let error = runtime.symbol(Handle::DEFAULT, "nothing").expect_err("nobody defines it");
    assert_eq!(error.to_string(), "undefined symbol `nothing` in the global scope");
}

#[test]
fn the_exit_status_is_a_result() {
    let (_directory, path) = module(
        r#"(module
          (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
          (memory (export "memory") 1)
          (func (export "_start") (call $proc_exit (i32.const 300))))"#,
    );
    let mut runtime = Runtime::open(&path, &Options::default()).expect("it loads");
    assert_eq!(runtime.run().expect("it exits"), 300);
}

#[test]
fn a_missing_program_is_an_error() {
    match Runtime::open("/no/such/program.wasm".as_ref(), &Options::default()) {
        Err(Error::Load(error)) => {
            assert_eq!(error.to_string(), "cannot read `/no/such/program.wasm`: no such file");
        }
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("it was loaded"),
    }
}

#[test]
fn all_names_of_a_file_are_one_library() {
    let (directory, path) = module(r#"(module (@dylink.0 (mem-info (memory 0 0))))"#);
    let library = directory.path().join("liba.so");
    fs::write(&library, wat::parse_str(r#"(module (@dylink.0))"#).expect("a module"))
        .expect("the library is written");
    let symbolic = directory.path().join("libsymbolic.so");
    std::os::unix::fs::symlink("liba.so", &symbolic).expect("linked");
    let hard = directory.path().join("libhard.so");
    fs::hard_link(&library, &hard).expect("linked");
    let copy = directory.path().join("libcopy.so");
    fs::copy(&library, &copy).expect("copied");

    let mut runtime = Runtime::open(&path, &Options::default()).expect("it loads");
    let mut open = |path: &PathBuf| runtime.open_library(path, Flags::NOW).expect("it loads");
    let handle = open(&library);
    assert_eq!([&symbolic, &hard].map(&mut open), [handle; 2]);
    assert_ne!(open(&copy), handle);
}
