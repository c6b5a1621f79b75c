//! Damaged entries of the code cache: whatever is changed in one, the program does what it did.

#[allow(dead_code, reason = "each test file uses a part")]
mod world;

use std::fs;
use std::path::PathBuf;

use dynvm_loader::Cache;
use world::World;

/// A module with a call, a trap, data and a table: something of all that an entry can hold.
const MAIN: &str = r#"(module (@dylink.0 (mem-info (memory 8 2) (table 1 0)))
    (import "env" "memory" (memory 1))
    (import "env" "__memory_base" (global $base i32))
    (func $add (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
    (func (export "sum") (result i32)
        (if (i32.eqz (i32.load (global.get $base))) (then unreachable))
        (call $add (i32.load (global.get $base)) (i32.const 2)))
    (data (global.get $base) "\28\00\00\00"))"#;

/// What the program gives, and how many of its functions came from the cache.
fn run(world: &mut World) -> (String, usize) {
    // One that remembers nothing, as a new process has.
    world.options.cache = Some(Cache::new(world.path("cache"), Cache::BYTES_MAX));
    let mut loader = world.open().unwrap_or_else(|error| panic!("{error}"));
    let cached = loader.statistics().functions_cached;
    let results = loader.invoke("sum", &[]).unwrap_or_else(|error| panic!("{error}"));
    (results.iter().map(ToString::to_string).collect(), cached)
}

#[test]
fn damage_anywhere_in_an_entry_changes_nothing_but_time() {
    let mut world = World::new(&[("main.wasm", MAIN)]);
    let dir = world.path("cache");
    assert_eq!(run(&mut world), ("42".to_owned(), 0));
    assert_eq!(run(&mut world), ("42".to_owned(), 2));
    let files = fs::read_dir(&dir).expect("it is there").map(|file| file.expect("read").path());
    let files: Vec<PathBuf> = files.collect();
    // Code, and which modules are valid.
    assert_eq!(files.len(), 2);
    for path in files {
        let cached = if path.extension() == Some("code".as_ref()) { 0 } else { 2 };
        let whole = fs::read(&path).expect("it is there");
        for position in 0..whole.len() {
            let mut changed = whole.clone();
            changed[position] ^= 1 << (position % 8);
            for (what, bytes) in [("changed", &changed[..]), ("cut", &whole[..position])] {
                fs::write(&path, bytes).expect("it is written");
                let expected = ("42".to_owned(), cached);
                assert_eq!(run(&mut world), expected, "{what} at byte {position}");
                let mended = fs::read(&path).expect("it was written again");
                assert_eq!(mended, whole, "{what} at byte {position}");
            }
        }
    }
    assert_eq!(run(&mut world), ("42".to_owned(), 2));
}

/// The same of what a start finds in one file: without it the entries are there.
#[test]
fn damage_anywhere_in_a_pack_changes_nothing_but_time() {
    let main = r#"(module (@dylink.0 (mem-info) (needed "lib.so"))
        (import "env" "half" (func $half (param i32) (result i32)))
        (func (export "sum") (result i32) (i32.add (call $half (i32.const 80)) (i32.const 2))))"#;
    let library = r#"(module (@dylink.0 (mem-info))
        (func (export "half") (param i32) (result i32) (i32.div_u (local.get 0) (i32.const 2))))"#;
    let mut world = World::new(&[("main.wasm", main), ("lib.so", library)]);
    assert_eq!(run(&mut world), ("42".to_owned(), 0));
    assert_eq!(run(&mut world), ("42".to_owned(), 2));
    let files = fs::read_dir(world.path("cache")).expect("it is there");
    let mut files = files.map(|file| file.expect("read").path());
    let pack = files.find(|path| path.extension() == Some("pack".as_ref())).expect("it is written");
    let whole = fs::read(&pack).expect("it is there");
    for position in 0..whole.len() {
        let mut changed = whole.clone();
        changed[position] ^= 1 << (position % 8);
        for (what, bytes) in [("changed", &changed[..]), ("cut", &whole[..position])] {
            fs::write(&pack, bytes).expect("it is written");
            assert_eq!(run(&mut world), ("42".to_owned(), 2), "{what} at byte {position}");
            let mended = fs::read(&pack).expect("it was written again");
            assert_eq!(mended, whole, "{what} at byte {position}");
        }
    }
}
