//! What guests keep of a library that is unloaded: references to its functions, pointers to them,
//! exceptions with its tags. None of it leads to what else is loaded later in its place.

use std::fs;
use std::path::{Path, PathBuf};

use dynvm::loader::{Flags, Handle};
use dynvm::vm::value::Value;
use dynvm::{Error, Options, Runtime};

/// Functions of the libraries besides those that are called.
const FUNCTIONS: u32 = 600;

/// Keeps functions in every place that a reference can be in.
const MAIN: &str = r#"(module (@dylink.0 (mem-info (memory 64 4)))
  (import "env" "memory" (memory 0)) (import "env" "__indirect_function_table" (table 1 funcref))
  (import "env" "__memory_base" (global $memory i32)) (data (global.get $memory) "second.so\00")
  (import "env" "dlopen" (func $dlopen (param i32 i32) (result i32)))
  (import "env" "dlclose" (func $dlclose (param i32) (result i32)))
  (type $f (func (result i32))) (type $thrower (func)) (type $catcher (func (param exnref) (result i32)))
  (type $box (struct (field (mut (ref null $f)))))
  (table $own 4 funcref)
  (global $kept (mut (ref null $f)) (ref.null $f)) (global $plain (mut funcref) (ref.null func))
  (global $object (mut (ref null $box)) (ref.null $box)) (global $exception (mut exnref) (ref.null exn))
  (func $of (param i32) (result (ref $f)) (ref.cast (ref $f) (table.get 0 (local.get 0))))
  (func (export "keep") (param $pointer i32)
    (global.set $kept (call $of (local.get $pointer)))
    (global.set $plain (call $of (local.get $pointer)))
    (global.set $object (struct.new $box (call $of (local.get $pointer))))
    (table.set $own (i32.const 2) (call $of (local.get $pointer))))
  (func (export "global") (result i32) (call_ref $f (global.get $kept)))
  (func (export "object") (result i32) (call_ref $f (struct.get $box 0 (global.get $object))))
  (func (export "table") (result i32) (call_indirect $own (type $f) (i32.const 2)))
  (func (export "copied") (result i32)
    (table.set $own (i32.const 3) (global.get $kept)) (call_indirect $own (type $f) (i32.const 3)))
  (func (export "cast") (result i32) (call_ref $f (ref.cast (ref $f) (global.get $plain))))
  (func (export "test") (result i32) (ref.test (ref $f) (global.get $plain)))
  (func (export "pointer") (param i32) (result i32) (call_indirect 0 (type $f) (local.get 0)))
  (func (export "local") (param $pointer i32) (param $handle i32) (param $between i32) (result i32)
    (local $it (ref null $f))
    (local.set $it (call $of (local.get $pointer)))
    (drop (call $dlclose (local.get $handle)))
    (loop $more
      (drop (call $dlclose (call $dlopen (global.get $memory) (i32.const 2))))
      (local.tee $between (i32.sub (local.get $between) (i32.const 1)))
      (br_if $more (i32.ne (i32.const 0))))
    (call_ref $f (local.get $it)))
  (func (export "catch") (param $thrower i32)
    (global.set $exception (block $caught (result exnref)
      (try_table (catch_all_ref $caught) (call_indirect 0 (type $thrower) (local.get $thrower)))
      (ref.null exn))))
  (func (export "give") (param $catcher i32) (result i32)
    (call_indirect 0 (type $catcher) (global.get $exception) (local.get $catcher))))"#;

/// A library whose `f` gives `value`, with many functions and a tag, memory and table of its own.
fn library(value: u32, payload: &str) -> String {
    let functions: String =
        (0..FUNCTIONS).map(|it| format!("(func (result i32) (i32.const {it}))")).collect();
    format!(
        r#"(module (@dylink.0 (mem-info (memory 16 4) (table 1 0)))
        (import "env" "__indirect_function_table" (table 1 funcref)) (import "env" "__table_base" (global $base i32))
        (memory 1) (table $own 2 funcref)
        (tag $tag (param {payload}))
        (func $f (export "f") (result i32) (i32.const {value}))
        (elem (global.get $base) $f)
        (func (export "throw") (throw $tag ({payload}.const 7)))
        (func (export "catcher") (param exnref) (result i32)
          (block $all (block $mine (result {payload})
            (try_table (catch $tag $mine) (catch_all $all) (throw_ref (local.get 0)))
            unreachable)
            drop (return (i32.const 1)))
          (i32.const 2))
        (func (export "fresh") (result i32)
          (i32.add (i32.load (i32.const 0)) (ref.is_null (table.get $own (i32.const 1))))
          (i32.store (i32.const 0) (i32.const 5)) (table.set $own (i32.const 1) (ref.func $f)))
        {functions})"#
    )
}

struct World {
    runtime: Runtime,
    directory: tempfile::TempDir,
}

impl World {
    fn new() -> World {
        let directory = tempfile::tempdir().expect("a directory");
        let write = |name: &str, text: &str| {
            let bytes = wat::parse_str(text).unwrap_or_else(|error| panic!("{name}: {error}"));
            fs::write(directory.path().join(name), bytes).expect("written");
        };
        write("main.wasm", MAIN);
        write("first.so", &library(1, "i32"));
        write("second.so", &library(2, "f64"));
        let runtime = Runtime::open(&directory.path().join("main.wasm"), &Options::default());
        World { runtime: runtime.unwrap_or_else(|error| panic!("{error}")), directory }
    }

    fn path(&self, name: &str) -> PathBuf {
        Path::new(self.directory.path()).join(name)
    }

    fn open(&mut self, name: &str) -> Handle {
        let path = self.path(name);
        self.runtime.loader().open(&path, Flags::NOW).expect("it loads")
    }

    fn symbol(&mut self, handle: Handle, name: &str) -> u32 {
        self.runtime.symbol(handle, name).expect("it is defined")
    }

    fn close(&mut self, handle: Handle) {
        self.runtime.loader().close(handle).expect("it closes");
    }

    fn invoke(&mut self, name: &str, args: &[u32]) -> Result<Vec<Value>, Error> {
        let args: Vec<String> = args.iter().map(u32::to_string).collect();
        self.runtime.invoke(name, &args)
    }

    /// The second library comes and goes, until every number was given out again that can be.
    fn churn(&mut self) {
        for _ in 0..100 {
            let second = self.open("second.so");
            let pointer = self.symbol(second, "f");
            assert_eq!(self.invoke("pointer", &[pointer]).expect("it runs"), [Value::I32(2)]);
            self.close(second);
        }
    }

    #[track_caller]
    fn check(&mut self, name: &str, args: &[u32], expected: &str) {
        match self.invoke(name, args) {
            Ok(values) => assert_eq!(format!("{values:?}"), expected, "{name}"),
            Err(error) => {
                let text = error.to_string();
                assert!(text.contains(expected), "{name}: expected `{expected}`, found `{text}`");
            }
        }
    }
}

const GONE: &str = "call of `first.so!f`, which was unloaded";

#[test]
fn references_name_what_was_there() {
    let mut world = World::new();
    let first = world.open("first.so");
    let pointer = world.symbol(first, "f");
    world.invoke("keep", &[pointer]).expect("it returns");
    for name in ["global", "object", "table", "cast"] {
        world.check(name, &[], "[I32(1)]");
    }
    world.close(first);
    for _ in 0..2 {
        for name in ["global", "object", "table", "copied"] {
            world.check(name, &[], GONE);
        }
        world.check("cast", &[], "cast failure");
        world.check("test", &[], "[I32(0)]");
        world.check("pointer", &[pointer], GONE);
        let second = world.open("second.so");
        world.check("global", &[], GONE);
        world.check("pointer", &[pointer], GONE);
        world.close(second);
        world.runtime.loader().process_mut().collect_garbage().expect("there is memory");
        world.churn();
    }
}

/// As an address of a library of ELF that is mapped where it was.
#[test]
fn the_same_library_again_is_where_it_was() {
    let mut world = World::new();
    let first = world.open("first.so");
    let pointer = world.symbol(first, "f");
    world.invoke("keep", &[pointer]).expect("it returns");
    world.close(first);
    world.churn();
    world.check("pointer", &[pointer], GONE);
    let again = world.open("first.so");
    assert_eq!(world.symbol(again, "f"), pointer);
    world.check("pointer", &[pointer], "[I32(1)]");
    world.check("global", &[], "[I32(1)]");
    world.close(again);
    // A changed file is another library.
    let changed = library(3, "i32");
    let path = world.path("first.so");
    fs::write(&path, wat::parse_str(changed).expect("a module")).expect("written");
    let changed = world.open("first.so");
    assert_ne!(world.symbol(changed, "f"), pointer);
    world.check("pointer", &[pointer], GONE);
    world.check("global", &[], GONE);
}

#[test]
fn a_reference_on_the_stack_outlives_its_library() {
    let mut world = World::new();
    let first = world.open("first.so");
    let pointer = world.symbol(first, "f");
    let handle = first.number();
    world.check("local", &[pointer, handle, 100], GONE);
    assert!(world.runtime.loader().close(first).is_err(), "the guest closed it");
}

#[test]
fn an_exception_is_not_caught_by_a_later_tag() {
    let mut world = World::new();
    let first = world.open("first.so");
    let thrower = world.symbol(first, "throw");
    world.invoke("catch", &[thrower]).expect("it is caught");
    world.close(first);
    world.churn();
    let second = world.open("second.so");
    let catcher = world.symbol(second, "catcher");
    world.check("give", &[catcher], "[I32(2)]");
    let thrower = world.symbol(second, "throw");
    world.invoke("catch", &[thrower]).expect("it is caught");
    world.check("give", &[catcher], "[I32(1)]");
}

#[test]
fn memories_and_tables_of_its_own_are_fresh() {
    let mut world = World::new();
    for _ in 0..3 {
        let second = world.open("second.so");
        let fresh = world.symbol(second, "fresh");
        world.check("pointer", &[fresh], "[I32(1)]");
        world.check("pointer", &[fresh], "[I32(5)]");
        world.close(second);
    }
}

#[test]
fn a_typed_function_of_the_hosts_traps_too() {
    let mut world = World::new();
    let first = world.open("first.so");
    let pointer = world.symbol(first, "f");
    let process = world.runtime.loader().process_mut();
    let func = process.table_get(pointer).expect("it has a slot");
    let typed = process.get_typed::<(), i32>(func).expect("it is of this type");
    assert_eq!(typed.call(process, ()).expect("it returns"), 1);
    world.close(first);
    let process = world.runtime.loader().process_mut();
    let error = typed.call(process, ()).expect_err("it is gone").to_string();
    assert!(error.contains(GONE), "{error}");
    let error = process.call(func, &[]).expect_err("it is gone").to_string();
    assert!(error.contains(GONE), "{error}");
}
