//! `dlclose`: what goes, what stays, what runs on the way out, and what is left of it.

#[allow(dead_code, reason = "each test file uses a part")]
mod world;

use dynvm_loader::{Flags, LoadError, Loader};
use dynvm_vm::Stop;
use world::World;

const MAIN: &str = r#"(module (@dylink.0 (mem-info (memory 64 4)))
    (import "env" "memory" (memory 1)) (import "env" "__memory_base" (global $base i32))
    (import "env" "__indirect_function_table" (table 1 funcref))
    (import "env" "dlopen" (func $dlopen (param i32 i32) (result i32)))
    (import "env" "dlsym" (func $dlsym (param i32 i32) (result i32)))
    (import "env" "dlclose" (func $dlclose (param i32) (result i32)))
    (data (global.get $base) "plug.so\00f\00")
    (global $kept (mut i32) (i32.const 0))
    (func $cycle (export "cycle") (result i32) (local $h i32) (local $result i32)
        (local.set $h (call $dlopen (global.get $base) (i32.const 2)))
        (global.set $kept
            (call $dlsym (local.get $h) (i32.add (global.get $base) (i32.const 8))))
        (local.set $result (call_indirect (result i32) (global.get $kept)))
        (drop (call $dlclose (local.get $h)))
        (local.get $result))
    (func (export "stale") (result i32)
        (drop (call $cycle)) (call_indirect (result i32) (global.get $kept)))
    (func (export "cycles") (param i32) (result i32) (local $sum i32)
        (loop $again
            (local.set $sum (i32.add (local.get $sum) (call $cycle)))
            (local.set 0 (i32.sub (local.get 0) (i32.const 1)))
            (br_if $again (local.get 0)))
        (local.get $sum)))"#;

/// A library that counts its calls from 1 on in its data, and has all that can be given back:
/// data, elements, a mutable global, a GOT entry that is assigned, a table and memory of its own.
fn plug(first: i32) -> String {
    format!(
        r#"(module (@dylink.0 (mem-info (memory 70000 4) (table 1 0)))
            (import "env" "memory" (memory 0)) (import "env" "__memory_base" (global $base i32))
            (import "env" "__table_base" (global $table i32))
            (import "env" "__indirect_function_table" (table 0 funcref))
            (import "GOT.func" "f" (global $f (mut i32)))
            (global $count (mut i32) (i32.const {first}))
            (data (global.get $base) "\00\00\00\00") (elem (global.get $table) func $g)
            (func $g (result i32) (i32.const 1))
            (func (export "f") (result i32)
                (global.set $f (global.get $f))
                (i32.store (global.get $base)
                    (i32.add (i32.load (global.get $base)) (call_indirect (result i32) (global.get $table))))
                (global.set $count (i32.add (global.get $count) (i32.load (global.get $base))))
                (global.get $count)))"#
    )
}

fn world(files: &[(&str, &str)]) -> World {
    let mut world = World::new(files);
    let dir = world.path("main.wasm").parent().expect("a directory").to_owned();
    world.options.library_dirs.push(dir);
    world
}

#[track_caller]
fn invoke(loader: &mut Loader, name: &str, args: &[&str]) -> String {
    let args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
    match loader.invoke(name, &args) {
        Ok(values) => values.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "),
        Err(LoadError::Stopped { stop: Stop::Trap(trap), .. }) => {
            format!("{}: {}", trap.code.message(), trap.detail.unwrap_or_default())
        }
        Err(error) => error.to_string(),
    }
}

fn names(loader: &Loader) -> Vec<String> {
    loader.with_link_map(|map| map.iter().map(|dso| dso.name.to_string()).collect())
}

#[test]
fn a_library_that_is_opened_again_is_a_fresh_copy_of_the_file() {
    let world = world(&[("main.wasm", MAIN), ("plug.so", &plug(0))]);
    let mut loader = world.open().expect("loaded");
    assert_eq!(invoke(&mut loader, "cycle", &[]), "1");
    assert_eq!(names(&loader), ["main.wasm"]);
    assert_eq!(invoke(&mut loader, "cycle", &[]), "1");
    let changed = wat::parse_str(plug(100)).expect("valid text");
    std::fs::write(world.path("plug.so"), changed).expect("written");
    assert_eq!(invoke(&mut loader, "cycle", &[]), "101");
    // Of the same length, and so soon that the file's times may not tell.
    for first in 101..120 {
        let changed = wat::parse_str(plug(first)).expect("valid text");
        std::fs::write(world.path("plug.so"), changed).expect("written");
        assert_eq!(invoke(&mut loader, "cycle", &[]), (first + 1).to_string());
    }
}

#[test]
fn a_pointer_to_an_unloaded_function_traps_and_says_what_was_there() {
    let world = world(&[("main.wasm", MAIN), ("plug.so", &plug(0))]);
    let mut loader = world.open().expect("loaded");
    let trap = "uninitialized element: call of `plug.so!f`, which was unloaded";
    assert_eq!(invoke(&mut loader, "stale", &[]), trap);
    assert_eq!(invoke(&mut loader, "stale", &[]), trap);
}

/// Bytes of this process that are in memory.
fn resident_bytes() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").expect("Linux");
    let pages = statm.split(' ').nth(1).and_then(|pages| pages.parse::<usize>().ok());
    pages.expect("a number") * 4096
}

#[test]
fn cycles_of_open_call_and_close_take_no_more_memory() {
    let world = world(&[("main.wasm", MAIN), ("plug.so", &plug(0))]);
    let mut loader = world.open().expect("loaded");
    let cycles = std::env::var("DYNVM_CYCLES").ok().and_then(|cycles| cycles.parse().ok());
    let cycles: usize = cycles.unwrap_or(2000);
    assert_eq!(invoke(&mut loader, "cycles", &["200"]), "200");
    let before = (loader.process().memory_pages(), loader.process().table_len());
    let resident = resident_bytes();
    let cycles = cycles.to_string();
    assert_eq!(invoke(&mut loader, "cycles", &[&cycles]), cycles);
    assert_eq!((loader.process().memory_pages(), loader.process().table_len()), before);
    let grown = resident_bytes().saturating_sub(resident);
    assert!(grown < 8 << 20, "{grown} bytes more after {cycles} cycles");
}

/// `user.so` finds `g` in `base.so`, which it does not need but is global: that stays with it.
#[test]
fn what_others_are_bound_to_stays() {
    let base = r#"(module (@dylink.0 (mem-info) (needed "dep.so"))
        (func (export "g") (result i32) (i32.const 5)))"#;
    let user = r#"(module (@dylink.0 (mem-info)) (import "env" "g" (func $g (result i32)))
        (func (export "f") (result i32) (call $g)))"#;
    let dep = "(module (@dylink.0 (mem-info)))";
    let files = [("main.wasm", MAIN), ("base.so", base), ("user.so", user), ("dep.so", dep)];
    let world = world(&files);
    let mut loader = world.open().expect("loaded");
    let global = Flags(Flags::NOW.0 | Flags::GLOBAL.0);
    let base = loader.open(&world.path("base.so"), global).expect("opened");
    let user = loader.open(&world.path("user.so"), Flags::NOW).expect("opened");
    loader.close(base).expect("closed");
    assert_eq!(names(&loader), ["main.wasm", "base.so", "dep.so", "user.so"]);
    loader.close(user).expect("closed");
    assert_eq!(names(&loader), ["main.wasm"]);
    let error = loader.open(&world.path("user.so"), Flags::NOW).expect_err("`g` is gone");
    assert_eq!(error.to_string(), "undefined symbol `g` (needed by user.so)");
}

#[test]
fn what_shall_not_be_deleted_stays_and_circles_go() {
    let a = r#"(module (@dylink.0 (mem-info) (needed "b.so")))"#;
    let b = r#"(module (@dylink.0 (mem-info) (needed "a.so")))"#;
    let world = world(&[("main.wasm", MAIN), ("a.so", a), ("b.so", b)]);
    let mut loader = world.open().expect("loaded");
    let opened = loader.open(&world.path("a.so"), Flags::NOW).expect("opened");
    loader.close(opened).expect("closed");
    assert_eq!(names(&loader), ["main.wasm"]);
    let nodelete = Flags(Flags::NOW.0 | Flags::NODELETE.0);
    let opened = loader.open(&world.path("b.so"), nodelete).expect("opened");
    loader.close(opened).expect("closed");
    assert_eq!(names(&loader), ["main.wasm", "b.so", "a.so"]);
}

/// Registers two destructors, by either way; they log `number` and `number + 1`.
fn logging(needed: &str, number: i32) -> String {
    format!(
        r#"(module (@dylink.0 (mem-info (memory 4 2) (table 2 0)) {needed})
            (import "env" "memory" (memory 0)) (import "env" "__memory_base" (global $base i32))
            (import "env" "__table_base" (global $table i32))
            (import "env" "__indirect_function_table" (table 0 funcref))
            (import "env" "log" (func $log (param i32)))
            (import "env" "__cxa_atexit" (func $cxa (param i32 i32 i32) (result i32)))
            (import "env" "atexit" (func $atexit (param i32) (result i32)))
            (elem (global.get $table) func $log $second)
            (func $second (call $log (i32.const {number})))
            (func (export "__wasm_call_ctors")
                (drop (call $atexit (i32.add (global.get $table) (i32.const 1))))
                (drop (call $cxa (global.get $table) (i32.const {}) (global.get $base))))
            (func (export "_start")))"#,
        number + 1
    )
}

#[test]
fn destructors_run_when_their_library_goes_dependents_first() {
    let world = world(&[
        ("main.wasm", MAIN),
        ("a.so", &logging(r#"(needed "b.so")"#, 10)),
        ("b.so", &logging("", 20)),
        ("c.so", &logging("", 30)),
    ]);
    let mut loader = world.open().expect("loaded");
    let a = loader.open(&world.path("a.so"), Flags::NOW).expect("opened");
    let c = loader.open(&world.path("c.so"), Flags::NOW).expect("opened");
    let b = loader.open(&world.path("b.so"), Flags::NOW).expect("opened");
    loader.close(a).expect("closed");
    assert_eq!(world.logged(), [11, 10]);
    loader.close(b).expect("closed");
    assert_eq!(world.logged(), [21, 20]);
    let a = loader.open(&world.path("a.so"), Flags::NOW).expect("opened");
    loader.close(a).expect("closed");
    assert_eq!(world.logged(), [11, 10, 21, 20]);
    loader.close(c).expect("closed");
    assert_eq!(world.logged(), [31, 30]);
}

/// Without a libc that calls them at exit, the loader does when the program has returned.
#[test]
fn destructors_run_at_the_end_in_reverse() {
    let main = logging(r#"(needed "b.so")"#, 10).replace(
        r#"(func (export "_start"))"#,
        r#"(func (export "_start") (drop (call $atexit (i32.add (global.get $table) (i32.const 1)))))"#,
    );
    let files = [("main.wasm", &*main), ("b.so", &logging("", 20))];
    let world = world(&files);
    let mut loader = world.open().expect("loaded");
    loader.run(&["main.wasm".to_owned()]).expect("returned");
    assert_eq!(world.logged(), [10, 21, 20]);
}

/// A library that closes itself stays until it does not run any more.
#[test]
fn a_library_that_closes_itself_returns() {
    let selfish = r#"(module (@dylink.0 (mem-info (memory 16 2)))
        (import "env" "memory" (memory 0)) (import "env" "__memory_base" (global $base i32))
        (import "env" "dlopen" (func $dlopen (param i32 i32) (result i32)))
        (import "env" "dlclose" (func $dlclose (param i32) (result i32)))
        (data (global.get $base) "plug.so\00")
        (func (export "f") (result i32) (local $h i32)
            (local.set $h (call $dlopen (global.get $base) (i32.const 2)))
            (drop (call $dlclose (local.get $h)))
            (i32.add (call $dlclose (local.get $h)) (i32.const 7))))"#;
    let world = world(&[("main.wasm", MAIN), ("plug.so", selfish), ("other.so", &plug(0))]);
    let mut loader = world.open().expect("loaded");
    assert_eq!(invoke(&mut loader, "cycle", &[]), "7");
    let other = loader.open(&world.path("other.so"), Flags::NOW).expect("opened");
    loader.close(other).expect("closed");
    assert_eq!(names(&loader), ["main.wasm"]);
}
