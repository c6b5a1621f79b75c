//! `dlopen` and its family, from the guest's side and the host's.

#[allow(dead_code, reason = "each test file uses a part")]
mod world;

use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use dynvm_loader::{FileIdentity, Flags, GuestFile, GuestFiles, Handle, Loader};
use dynvm_vm::value::Value;
use world::World;

/// A main program that exports the family: strings stand at the address that `at` names.
const MAIN: &str = r#"(module (@dylink.0 (mem-info (memory 64 4)))
    (import "env" "memory" (memory 1)) (import "env" "__memory_base" (global $base i32))
    (import "env" "log" (func $log (param i32)))
    (import "env" "dlopen" (func $dlopen (param i32 i32) (result i32)))
    (import "env" "dlsym" (func $dlsym (param i32 i32) (result i32)))
    (import "env" "dlclose" (func $dlclose (param i32) (result i32)))
    (import "env" "dlerror" (func $dlerror (result i32)))
    (import "env" "__indirect_function_table" (table 0 funcref))
    (data (global.get $base) "p.so\00f\00d\00nope\00q.so\00")
    (func (export "shared") (result i32) (i32.const 1000))
    (func (export "plug") (result i32 i32 i32) (local $h i32)
        (local.set $h (call $dlopen (global.get $base) (i32.const 2)))
        (call_indirect (result i32) (call $dlsym (local.get $h) (i32.add (global.get $base) (i32.const 5))))
        (i32.load (call $dlsym (local.get $h) (i32.add (global.get $base) (i32.const 7))))
        (call $dlclose (local.get $h)))
    (func (export "fail") (result i32 i32 i32)
        (call $dlopen (i32.add (global.get $base) (i32.const 9)) (i32.const 2))
        (i32.load8_u (call $dlerror)) (call $dlerror))
    (func (export "q") (result i32)
        (call $dlopen (i32.add (global.get $base) (i32.const 14)) (i32.const 258)))
    (func (export "bad_close") (result i32) (call $dlclose (i32.const 12))))"#;

const PLUGIN: &str = r#"(module (@dylink.0 (mem-info (memory 16 2)))
    (import "env" "memory" (memory 0)) (import "env" "__memory_base" (global $base i32))
    (import "env" "shared" (func $shared (result i32))) (import "env" "log" (func $log (param i32)))
    (global (export "d") i32 (i32.const 4))
    (func (export "_initialize") (i32.store offset=4 (global.get $base) (i32.const 77)))
    (func (export "f") (result i32) (i32.add (call $shared) (i32.const 1))))"#;

#[track_caller]
fn call(loader: &mut Loader, name: &str) -> String {
    let values = loader.invoke(name, &[]).unwrap_or_else(|error| panic!("{error}"));
    values.iter().map(Value::to_string).collect::<Vec<_>>().join(" ")
}

#[test]
fn a_plugin_is_opened_called_and_closed() {
    let world = World::new(&[("main.wasm", MAIN), ("p.wasm", PLUGIN)]);
    let mut loader = world.open().expect("loaded");
    assert_eq!(call(&mut loader, "plug"), "1001 77 0");
}

#[test]
fn errors_are_text_once_and_then_gone() {
    let world = World::new(&[("main.wasm", MAIN)]);
    let mut loader = world.open().expect("loaded");
    assert_eq!(call(&mut loader, "fail"), format!("0 {} 0", b'n'));
    assert_eq!(call(&mut loader, "bad_close"), "-1");
}

#[test]
fn a_failed_open_leaves_nothing_behind() {
    let world = World::new(&[
        ("main.wasm", MAIN),
        (
            "bad.so",
            r#"(module (@dylink.0 (mem-info (memory 4096 4) (table 8 0)) (needed "dep.so"))
                (import "env" "memory" (memory 0)) (import "env" "nowhere" (func)))"#,
        ),
        ("dep.so", "(module (@dylink.0 (mem-info (memory 4096 4) (table 8 0))))"),
        (
            "trap.so",
            r#"(module (@dylink.0 (mem-info (memory 4096 4) (table 8 0)))
                (import "env" "__table_base" (global $base i32)) (import "env" "__indirect_function_table" (table 8 funcref))
                (elem (global.get $base) func $f)
                (func $f (export "__wasm_apply_data_relocs") unreachable))"#,
        ),
    ]);
    let mut loader = world.open().expect("loaded");
    let mut sizes = Vec::new();
    for _ in 0..50 {
        let error = loader.open(&world.path("bad.so"), Flags::NOW).expect_err("undefined");
        assert_eq!(error.to_string(), "undefined symbol `nowhere` (needed by bad.so)");
        let error = loader.open(&world.path("trap.so"), Flags::NOW).expect_err("traps");
        let message = error.to_string();
        let expected = "`trap.so` failed during the relocation of its data: wasm trap: unreachable";
        assert_eq!(message.lines().next(), Some(expected));
        let process = loader.process();
        sizes.push((process.memory_pages(), process.table_len()));
        assert_eq!(loader.with_link_map(|map| map.iter().count()), 1);
    }
    sizes.dedup();
    assert_eq!(sizes.len(), 1, "memory and table grow: {sizes:?}");
}

const LOCAL: &str =
    r#"(module (@dylink.0 (mem-info)) (func (export "g") (result i32) (i32.const 5)))"#;
const NEEDS_G: &str = r#"(module (@dylink.0 (mem-info)) (import "env" "g" (func $g (result i32)))
    (func (export "f") (result i32) (call $g)))"#;

#[test]
fn a_local_library_is_invisible_until_it_is_promoted() {
    let world = World::new(&[("main.wasm", MAIN), ("local.so", LOCAL), ("needs_g.so", NEEDS_G)]);
    let mut loader = world.open().expect("loaded");
    let local = loader.open(&world.path("local.so"), Flags::NOW).expect("opened");
    let error = loader.open(&world.path("needs_g.so"), Flags::NOW).expect_err("invisible");
    assert_eq!(error.to_string(), "undefined symbol `g` (needed by needs_g.so)");
    let error = loader.symbol(Handle::DEFAULT, "g").expect_err("invisible");
    assert_eq!(error.to_string(), "undefined symbol `g` in the global scope");
    let address = loader.symbol(local, "g").expect("visible through its handle");

    let flags = Flags(Flags::NOW.0 | Flags::GLOBAL.0);
    let again = loader.open(&world.path("local.so"), flags).expect("opened");
    assert_eq!(again, local);
    assert_eq!(loader.symbol(Handle::DEFAULT, "g").expect("visible"), address);
    loader.open(&world.path("needs_g.so"), Flags::NOW).expect("opened");
}

#[test]
fn a_handle_reaches_dependencies_breadth_first() {
    let world = World::new(&[
        ("main.wasm", MAIN),
        ("top.so", r#"(module (@dylink.0 (mem-info) (needed "left.so" "local.so")))"#),
        ("left.so", r#"(module (@dylink.0 (mem-info) (needed "deep.so")))"#),
        ("deep.so", r#"(module (@dylink.0 (mem-info)) (func (export "g")))"#),
        ("local.so", LOCAL),
    ]);
    let mut loader = world.open().expect("loaded");
    let top = loader.open(&world.path("top.so"), Flags::NOW).expect("opened");
    let found = loader.symbol(top, "g").expect("found");
    let local = loader.open(&world.path("local.so"), Flags::NOW).expect("opened");
    assert_eq!(loader.symbol(local, "g").expect("found"), found);
}

#[test]
fn a_handle_is_valid_as_often_as_it_was_given() {
    let world = World::new(&[("main.wasm", MAIN), ("local.so", LOCAL)]);
    let mut loader = world.open().expect("loaded");
    let first = loader.open(&world.path("local.so"), Flags::NOW).expect("opened");
    let second = loader.open(&world.path("local.so"), Flags::NOW).expect("opened");
    assert_eq!(first, second);
    loader.close(first).expect("closed");
    loader.close(first).expect("closed");
    let error = loader.close(first).expect_err("closed before");
    assert!(error.to_string().ends_with("is not a handle of an open library"), "{error}");
}

/// `q.so` opens `p.so` in its constructor, which runs with nothing locked.
#[test]
fn constructors_can_open_libraries() {
    let q = r#"(module (@dylink.0 (mem-info (memory 16 2)))
        (import "env" "memory" (memory 0)) (import "env" "__memory_base" (global $base i32))
        (import "env" "dlopen" (func $dlopen (param i32 i32) (result i32)))
        (import "env" "log" (func $log (param i32)))
        (data (global.get $base) "p.so\00")
        (func (export "_initialize")
            (call $log (i32.ne (i32.const 0) (call $dlopen (global.get $base) (i32.const 2))))))"#;
    let world = World::new(&[("main.wasm", MAIN), ("q.so", q), ("p.so", PLUGIN)]);
    let mut loader = world.open().expect("loaded");
    call(&mut loader, "q");
    assert_eq!(world.logged(), [1]);
    assert_eq!(loader.with_link_map(|map| map.iter().count()), 3);
}

struct View(HashMap<&'static str, PathBuf>);

impl GuestFiles for View {
    fn open(&self, guest_path: &str) -> io::Result<GuestFile> {
        let path = self.0.get(guest_path).ok_or(io::ErrorKind::NotFound)?;
        let bytes = std::fs::read(path)?;
        let identity = FileIdentity { device: 0, inode: bytes.len() as u64 };
        Ok(GuestFile { bytes, identity, path: PathBuf::from(guest_path) })
    }
}

/// A path in the guest's mouth is one of its view: what was not granted is not there.
#[test]
fn a_guest_opens_by_path_only_what_it_was_granted() {
    let main = |path: &str| {
        format!(
            r#"(module (@dylink.0 (mem-info (memory 256 4)))
                (import "env" "memory" (memory 1)) (import "env" "__memory_base" (global $base i32))
                (import "env" "dlopen" (func $dlopen (param i32 i32) (result i32)))
                (data (global.get $base) "{path}\00")
                (func (export "run") (result i32) (i32.ne (i32.const 0) (call $dlopen (global.get $base) (i32.const 2)))))"#
        )
    };
    let mut world = World::new(&[("main.wasm", &main("/granted/p.so")), ("local.so", LOCAL)]);
    let files = HashMap::from([("/granted/p.so", world.path("local.so"))]);
    world.options.guest_files = Some(Arc::new(View(files)));
    assert_eq!(call(&mut world.open().expect("loaded"), "run"), "1");

    let secret = tempfile::tempdir().expect("a directory");
    std::fs::copy(world.path("local.so"), secret.path().join("x.so")).expect("copied");
    let path = format!("{}/x.so", secret.path().display());
    let mut world = World::new(&[("main.wasm", &main(&path))]);
    assert_eq!(call(&mut world.open().expect("loaded"), "run"), "0");
    world.options.guest_files = Some(Arc::new(View(HashMap::new())));
    assert_eq!(call(&mut world.open().expect("loaded"), "run"), "0");
}
