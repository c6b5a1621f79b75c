//! Objects of the garbage-collected heap and `dlopen`: libraries that declare the same types share
//! them, and what a library made outlives it.

#[allow(dead_code, reason = "each test file uses a part")]
mod world;

use dynvm_loader::{LoadError, Loader};
use dynvm_vm::Stop;
use world::World;

/// Opens a library, has it make a list, closes it, and reads the list: without the library, and
/// with types that stand at other indices here.
const MAIN: &str = r#"(module (@dylink.0 (mem-info (memory 64 4)))
    (type $other (array (mut i16)))
    (rec (type $list (sub (struct (field $head i32) (field $tail (mut (ref null $list))))))
      (type $make (func (param i32) (result (ref null $list)))))
    (import "env" "memory" (memory 1)) (import "env" "__memory_base" (global $base i32))
    (import "env" "__indirect_function_table" (table 1 funcref))
    (import "env" "dlopen" (func $dlopen (param i32 i32) (result i32)))
    (import "env" "dlsym" (func $dlsym (param i32 i32) (result i32)))
    (import "env" "dlclose" (func $dlclose (param i32) (result i32)))
    (data (global.get $base) "plug.so\00make\00")
    (global $kept (mut (ref null $list)) (ref.null $list))
    (func $open-and-make (param $len i32) (local $handle i32)
        (local.set $handle (call $dlopen (global.get $base) (i32.const 2)))
        (global.set $kept (call_indirect (type $make) (local.get $len)
            (call $dlsym (local.get $handle) (i32.add (global.get $base) (i32.const 8)))))
        (drop (call $dlclose (local.get $handle))))
    (func $sum (export "sum") (result i32) (local $list (ref null $list)) (local $sum i32)
        (local.set $list (global.get $kept))
        (loop $more
            (local.set $sum (i32.add (local.get $sum) (struct.get $list $head (local.get $list))))
            (br_if $more (i32.eqz (ref.is_null
                (local.tee $list (struct.get $list $tail (local.get $list)))))))
        (local.get $sum))
    (func (export "once") (param i32) (result i32)
        (call $open-and-make (local.get 0)) (call $sum))
    (func (export "cycles") (param $times i32) (result i32) (local $sum i32)
        (loop $again
            (call $open-and-make (i32.const 3))
            (local.set $sum (i32.add (local.get $sum) (call $sum)))
            (br_if $again (local.tee $times (i32.sub (local.get $times) (i32.const 1)))))
        (local.get $sum))
    (func (export "is-own") (result i32)
        (ref.test (ref $list) (global.get $kept))))"#;

/// A library with all that can hold objects. `is_final` is `final` for types that are not the same as
/// the program's.
fn plug(is_final: &str) -> String {
    format!(
        r#"(module (@dylink.0 (mem-info))
            (rec (type $list (sub {is_final} (struct (field $head i32) (field $tail (mut (ref null $list))))))
              (type $make (func (param i32) (result (ref null $list)))))
            (type $own (array (mut (ref null $list))))
            (global $last (ref $list) (struct.new $list (i32.const 500) (ref.null $list)))
            (global $array (mut (ref null $own)) (array.new $own (global.get $last) (i32.const 100)))
            (table $table 2 (ref null $list) (struct.new $list (i32.const 7) (ref.null $list)))
            (elem $passive (ref null $list) (item (struct.new $list (i32.const 8) (ref.null $list))))
            (func (export "make") (type $make) (local $list (ref null $list))
                (table.init $table $passive (i32.const 1) (i32.const 0) (i32.const 1))
                (struct.set $list $tail (table.get $table (i32.const 1))
                    (array.get $own (global.get $array) (i32.const 99)))
                (local.set $list (table.get $table (i32.const 1)))
                (loop $more
                    (local.set $list (struct.new $list (local.get 0) (local.get $list)))
                    (br_if $more (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
                (local.get $list)))"#
    )
}

fn world(plug: &str, is_stressed: bool) -> World {
    let mut world = World::new(&[("main.wasm", MAIN), ("plug.so", plug)]);
    let dir = world.path("main.wasm").parent().expect("a directory").to_owned();
    world.options.library_dirs.push(dir);
    world.options.config.is_heap_stressed = is_stressed;
    world
}

#[track_caller]
fn invoke(loader: &mut Loader, name: &str, args: &[&str]) -> String {
    let args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
    match loader.invoke(name, &args) {
        Ok(values) => values.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "),
        Err(LoadError::Stopped { stop: Stop::Trap(trap), .. }) => trap.code.message().to_owned(),
        Err(error) => error.to_string(),
    }
}

/// Bytes of this process that are in memory.
fn resident_bytes() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").expect("Linux");
    let pages = statm.split(' ').nth(1).and_then(|pages| pages.parse::<usize>().ok());
    pages.expect("a number") * 4096
}

#[test]
fn objects_outlive_the_library_that_made_them() {
    for is_stressed in [false, true] {
        let world = world(&plug(""), is_stressed);
        let mut loader = world.open().expect("loaded");
        // 1 to 4, then the 8 of the segment and the 500 of the global behind it.
        assert_eq!(invoke(&mut loader, "once", &["4"]), "518");
        assert_eq!(loader.with_link_map(|map| map.iter().count()), 1, "the library is gone");
        loader.process_mut().collect_garbage().expect("there is memory");
        assert_eq!(invoke(&mut loader, "sum", &[]), "518");
        assert_eq!(invoke(&mut loader, "is-own", &[]), "1");
        assert_eq!(invoke(&mut loader, "once", &["2"]), "511", "the library is a fresh one");
    }
}

#[test]
fn types_that_are_not_the_same_are_not_shared() {
    let world = world(&plug("final"), false);
    let mut loader = world.open().expect("loaded");
    assert_eq!(invoke(&mut loader, "once", &["4"]), "indirect call type mismatch");
}

#[test]
fn cycles_of_open_make_and_close_take_no_more_memory() {
    let world = world(&plug(""), false);
    let mut loader = world.open().expect("loaded");
    assert_eq!(invoke(&mut loader, "cycles", &["100"]), (100 * 514).to_string());
    let live_bytes = |loader: &mut Loader| {
        loader.process_mut().collect_garbage().expect("there is memory");
        let stats = loader.process().heap_stats();
        (stats.live_bytes, stats.handles)
    };
    let (before, resident) = (live_bytes(&mut loader), resident_bytes());
    // Three objects, the one of the segment and the one of the global are all that is left.
    assert_eq!(before, (5 * 16, 0));
    assert_eq!(invoke(&mut loader, "cycles", &["800"]), (800 * 514).to_string());
    assert_eq!(live_bytes(&mut loader), before);
    let grown = resident_bytes().saturating_sub(resident);
    assert!(grown < 8 << 20, "{grown} bytes more after 800 cycles");
}
