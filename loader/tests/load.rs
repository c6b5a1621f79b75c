//! Loading at start: scopes, bindings, GOT, order, and what is refused.

#[allow(dead_code, reason = "each test file uses a part")]
mod world;

use world::{World, check, check_error, check_log};

/// Calls in both directions between two libraries that need each other, and data of the other.
#[test]
fn libraries_can_need_each_other() {
    check(
        &[
            (
                "main.wasm",
                r#"(module (@dylink.0 (mem-info) (needed "liba.so"))
                    (import "env" "memory" (memory 0)) (import "env" "down" (func $down (param i32) (result i32)))
                    (func (export "run") (result i32) (call $down (i32.const 5))))"#,
            ),
            (
                "liba.so",
                r#"(module (@dylink.0 (mem-info (memory 4 2)) (needed "libb.so"))
                    (import "env" "memory" (memory 0)) (import "env" "__memory_base" (global $base i32))
                    (import "env" "up" (func $up (param i32) (result i32)))
                    (global (export "counter") i32 (i32.const 0))
                    (func (export "down") (param i32) (result i32)
                        (if (result i32) (local.get 0)
                            (then (call $up (i32.sub (local.get 0) (i32.const 1))))
                            (else (i32.load (global.get $base))))))"#,
            ),
            (
                "libb.so",
                r#"(module (@dylink.0 (mem-info) (needed "liba.so"))
                    (import "env" "memory" (memory 0)) (import "GOT.mem" "counter" (global $counter (mut i32)))
                    (import "env" "down" (func $down (param i32) (result i32)))
                    (func (export "up") (param i32) (result i32)
                        (i32.store (global.get $counter) (i32.add (i32.load (global.get $counter)) (i32.const 10)))
                        (call $down (local.get 0))))"#,
            ),
        ],
        "run",
        "50",
    );
}

/// A program that was built for threads and starts none.
#[test]
fn memory_can_be_a_shared_one() {
    let main = r#"(module (@dylink.0 (mem-info (memory 8 3)) (needed "liba.so"))
        (import "env" "memory" (memory 1 65536 shared))
        (import "env" "__memory_base" (global $base i32))
        (import "env" "add" (func $add (param i32)))
        (func (export "run") (result i32)
            (call $add (global.get $base))
            (drop (memory.atomic.notify (global.get $base) (i32.const 1)))
            (i32.add (i32.atomic.load (global.get $base))
                (memory.atomic.wait32 (global.get $base) (i32.const 0) (i64.const -1)))))"#;
    let library = r#"(module (@dylink.0 (mem-info))
        (import "env" "memory" (memory 1 65536 shared))
        (func (export "add") (param i32)
            (drop (i32.atomic.rmw.add (local.get 0) (i32.const 41)))))"#;
    check(&[("main.wasm", main), ("liba.so", library)], "run", "42");
    check_error(
        &[("main.wasm", main), ("liba.so", &library.replace("1 65536 shared", "1"))],
        "import `env.memory`: expected a memory of 32-bit addresses and pages of 2^16 bytes \
         (needed by liba.so), found a shared memory of 32-bit addresses and pages of 2^16 bytes \
         (defined by the loader)",
    );
}

const LOGGING_MAIN: &str = r#"(module (@dylink.0 (mem-info) (needed "b.so" "c.so"))
    (import "env" "log" (func $log (param i32)))
    (func (export "_start") (call $log (i32.const 0))))"#;

fn logging(needed: &str, number: i32) -> String {
    format!(
        r#"(module (@dylink.0 (mem-info) {needed}) (import "env" "log" (func $log (param i32)))
            (func (export "__wasm_call_ctors") (call $log (i32.const {number}))))"#
    )
}

#[test]
fn constructors_of_a_diamond_run_once_dependencies_first() {
    let (b, c) = (logging(r#"(needed "d.so")"#, 2), logging(r#"(needed "d.so")"#, 3));
    let d = logging("", 4);
    check_log(
        &[("main.wasm", LOGGING_MAIN), ("b.so", &b), ("c.so", &c), ("d.so", &d)],
        &[4, 3, 2, 0],
    );
}

#[test]
fn two_initializers_are_an_error() {
    let lib = r#"(module (@dylink.0 (mem-info))
        (func (export "_initialize")) (func (export "__wasm_call_ctors")))"#;
    check_error(
        &[("main.wasm", LOGGING_MAIN), ("b.so", lib), ("c.so", lib)],
        "`b.so` exports both `__wasm_call_ctors` and `_initialize`, expected one of them",
    );
}

/// Start functions of all, then data relocations of all, then constructors; the relocations see
/// final GOT entries of libraries that come later.
#[test]
fn every_step_is_done_for_all_before_the_next() {
    let module = |needed: &str, number: i32, got: &str| {
        format!(
            r#"(module (@dylink.0 (mem-info (memory 16 2)) {needed})
                (import "env" "log" (func $log (param i32)))
                (import "env" "memory" (memory 0)) (import "env" "__memory_base" (global $base i32))
                (import "GOT.mem" "{got}" (global $got (mut i32)))
                (global (export "x{number}") i32 (i32.const 8))
                (func $start (call $log (i32.const {number}))) (start $start)
                (func (export "__wasm_apply_data_relocs")
                    (i32.store (global.get $base) (global.get $got))
                    (call $log (i32.const {})))
                (func (export "{}") (call $log (i32.const {}))))"#,
            number + 10,
            if number == 0 { "_start" } else { "_initialize" },
            number + 20,
        )
    };
    let (main, b) = (module(r#"(needed "b.so")"#, 0, "x1"), module("", 1, "x0"));
    check_log(&[("main.wasm", &main), ("b.so", &b)], &[0, 1, 10, 11, 21, 20]);
}

#[test]
fn the_first_definition_in_scope_interposes() {
    let files = [
        (
            "main.wasm",
            r#"(module (@dylink.0 (mem-info) (needed "b.so" "c.so"))
                (import "env" "through_c" (func $through_c (result i32)))
                (import "env" "g" (func $g (result i32)))
                (func (export "f") (result i32) (i32.const 1))
                (func (export "run") (result i32)
                    (i32.add (call $through_c) (i32.mul (i32.const 100) (call $g)))))"#,
        ),
        (
            "b.so",
            r#"(module (@dylink.0 (mem-info)) (func (export "g") (result i32) (i32.const 2)))"#,
        ),
        (
            "c.so",
            r#"(module (@dylink.0 (mem-info))
                (import "env" "f" (func $f (result i32))) (import "env" "h" (func $h (result i32)))
                (func (export "f") (result i32) (i32.const 7)) (func (export "h") (result i32) (i32.const 30))
                (func (export "g") (result i32) (i32.const 8))
                (func (export "through_c") (result i32) (i32.add (call $f) (call $h))))"#,
        ),
    ];
    check(&files, "run", "231");
}

const WEAK: &str = r#"(module
    (@dylink.0 (mem-info) (import-info "env" "f" binding-weak undefined)
        (import-info "env" "d" binding-weak undefined))
    (import "env" "f" (func $f)) (import "GOT.func" "f" (global $pf (mut i32)))
    (import "GOT.mem" "d" (global $pd (mut i32)))
    (func (export "addresses") (result i32 i32) (global.get $pf) (global.get $pd))
    (func (export "call") (call $f)))"#;

#[test]
fn undefined_weak_symbols_are_zero_and_trap_when_called() {
    check(&[("main.wasm", WEAK)], "addresses", "0 0");
    check(&[("main.wasm", WEAK)], "call", "undefined symbol: `f` (needed by main.wasm)");
}

#[test]
fn all_undefined_symbols_are_reported_with_who_needs_them() {
    let main = r#"(module (@dylink.0 (mem-info) (needed "b.so"))
        (import "env" "f" (func)) (import "GOT.mem" "d" (global (mut i32)))
        (import "wasi_snapshot_preview1" "no_such" (func)))"#;
    let lib = r#"(module (@dylink.0 (mem-info)) (import "env" "f" (func)) (import "GOT.func" "g" (global (mut i32))))"#;
    check_error(
        &[("main.wasm", main), ("b.so", lib)],
        "4 undefined symbols\n  `f` (needed by main.wasm, b.so)\n  `d` (needed by main.wasm)\n  \
         `wasi_snapshot_preview1.no_such` (needed by main.wasm)\n  `g` (needed by b.so)",
    );
}

#[test]
fn types_and_kinds_must_agree() {
    let lib = r#"(module (@dylink.0 (mem-info))
        (func (export "f") (param i32) (result i64) (i64.const 0)) (global (export "d") i32 (i32.const 0)))"#;
    check_error(
        &[
            (
                "main.wasm",
                r#"(module (@dylink.0 (mem-info) (needed "b.so")) (import "env" "f" (func (param i32 f32))))"#,
            ),
            ("b.so", lib),
        ],
        "function `f`: expected type (i32, f32) -> () (needed by main.wasm), \
         found (i32) -> (i64) (defined by b.so)",
    );
    check_error(
        &[
            (
                "main.wasm",
                r#"(module (@dylink.0 (mem-info) (needed "b.so")) (import "env" "d" (func)))"#,
            ),
            ("b.so", lib),
        ],
        "symbol `d`: expected a function (needed by main.wasm), found data (defined by b.so)",
    );
    check_error(
        &[("main.wasm", r#"(module (import "env" "log" (func)))"#)],
        "function `log`: expected type () -> () (needed by main.wasm), \
         found (i32) -> () (defined by the host)",
    );
}

/// A number of the loader's taken for a reference, or the process memory taken for one of 64-bit
/// addresses, would let a guest out of its sandbox.
#[test]
fn what_the_loader_supplies_has_its_own_types() {
    let check = |import: &str, expected: &str| {
        let main = format!("(module (@dylink.0 (mem-info)) (import {import}))");
        check_error(&[("main.wasm", &main)], expected);
    };
    check(
        r#""env" "__memory_base" (global funcref)"#,
        "global `__memory_base`: expected type funcref (needed by main.wasm), \
         found i32 (defined by the loader)",
    );
    check(
        r#""GOT.mem" "__heap_base" (global (mut externref))"#,
        "global `__heap_base`: expected type (mut externref) (needed by main.wasm), \
         found (mut i32) (defined by the loader)",
    );
    check(
        r#""env" "memory" (memory i64 1)"#,
        "import `env.memory`: \
         expected a memory of 64-bit addresses and pages of 2^16 bytes (needed by main.wasm), \
         found a memory of 32-bit addresses and pages of 2^16 bytes (defined by the loader)",
    );
    check(
        r#""env" "__indirect_function_table" (table 1 externref)"#,
        "import `env.__indirect_function_table`: \
         expected a table of externref with 32-bit indices (needed by main.wasm), \
         found a table of funcref with 32-bit indices (defined by the loader)",
    );
}

/// Each value is twice the one before: evaluated once each, and not by recursion.
#[test]
fn a_long_chain_of_globals_is_evaluated_in_a_line() {
    let mut main = String::from("(module (@dylink.0 (mem-info))\n(global $g0 i32 (i32.const 1))\n");
    for index in 1..50_000 {
        let before = index - 1;
        main.push_str(&format!(
            "(global $g{index} i32 (i32.add (global.get $g{before}) (global.get $g{before})))\n"
        ));
    }
    main.push_str(
        r#"(export "last" (global $g49999)) (func (export "run") (result i32) (i32.const 1)))"#,
    );
    check(&[("main.wasm", &main)], "run", "1");
}

/// `main.wasm` exports what it imports; that is no definition of it.
#[test]
fn an_import_that_is_exported_again_is_no_definition() {
    let again =
        r#"(module (@dylink.0 (mem-info)) (import "env" "f" (func $f)) (export "f" (func $f)))"#;
    check_error(&[("main.wasm", again)], "undefined symbol `f` (needed by main.wasm)");
    let main = r#"(module (@dylink.0 (mem-info) (needed "b.so" "c.so"))
        (import "env" "f" (func $f (result i32))) (func (export "run") (result i32) (call $f)))"#;
    let b = r#"(module (@dylink.0 (mem-info)) (import "env" "g" (func $f (result i32))) (export "f" (func $f)))"#;
    let c = r#"(module (@dylink.0 (mem-info)) (func (export "g") (result i32) (i32.const 4)))"#;
    check(&[("main.wasm", main), ("b.so", b), ("c.so", c)], "run", "4");
    let main = r#"(module (@dylink.0 (mem-info) (needed "c.so"))
        (import "env" "g" (func $g (result i32))) (export "g" (func $g)) (export "run" (func $g)))"#;
    check(&[("main.wasm", main), ("c.so", c)], "run", "4");
}

#[test]
fn hidden_symbols_are_invisible() {
    let lib = r#"(module (@dylink.0 (mem-info) (export-info "f" visibility-hidden)) (func (export "f")))"#;
    check_error(
        &[
            (
                "main.wasm",
                r#"(module (@dylink.0 (mem-info) (needed "b.so")) (import "env" "f" (func)))"#,
            ),
            ("b.so", lib),
        ],
        "undefined symbol `f` (needed by main.wasm)",
    );
}

/// A function in its own dso's elements keeps that slot for everybody.
#[test]
fn a_function_has_one_address() {
    let files = [
        (
            "main.wasm",
            r#"(module (@dylink.0 (mem-info (table 1 0)) (needed "b.so"))
                (import "env" "__indirect_function_table" (table 1 funcref))
                (import "env" "__table_base" (global $base i32))
                (import "env" "__memory_base" (global $memory i32))
                (import "GOT.func" "mine" (global $mine (mut i32)))
                (import "GOT.func" "theirs" (global $theirs (mut i32)))
                (import "env" "see_mine" (func $see_mine (result i32)))
                (import "env" "see_theirs" (func $see_theirs (result i32)))
                (elem (global.get $base) func $f)
                (func $f (export "mine") (result i32) (i32.const 11))
                (func (export "run") (result i32 i32 i32 i32)
                    (i32.eq (global.get $mine) (global.get $base))
                    (i32.eq (global.get $mine) (call $see_mine))
                    (i32.eq (global.get $theirs) (call $see_theirs))
                    (i32.add (call_indirect (result i32) (global.get $mine))
                             (call_indirect (result i32) (global.get $theirs)))))"#,
        ),
        (
            "b.so",
            r#"(module (@dylink.0 (mem-info))
                (import "GOT.func" "mine" (global $mine (mut i32)))
                (import "GOT.func" "theirs" (global $theirs (mut i32)))
                (func (export "theirs") (result i32) (i32.const 22))
                (func (export "see_mine") (result i32) (global.get $mine))
                (func (export "see_theirs") (result i32) (global.get $theirs)))"#,
        ),
    ];
    check(&files, "run", "1 1 1 33");
}

#[test]
fn plain_modules_run_with_their_own_memory() {
    let main = r#"(module (memory (export "memory") 1) (data (i32.const 8) "\2a")
        (func (export "run") (result i32 i32) (i32.load (i32.const 8)) (memory.size)))"#;
    check(&[("main.wasm", main)], "run", "42 1");
    let importing = r#"(module (import "env" "memory" (memory 2)) (data (i32.const 8) "\2b")
        (func (export "run") (result i32 i32) (i32.load (i32.const 8)) (memory.size)))"#;
    check(&[("main.wasm", importing)], "run", "43 2");
}

/// What its linking section asks for is there, whether or not it asks where.
#[test]
fn a_main_that_places_itself_gets_the_room_it_asks_for() {
    let main = |size: &str| {
        format!(
            r#"(module (@dylink.0 (mem-info (memory {size} 0) (table 4 0)))
                (import "env" "memory" (memory 1))
                (import "env" "__indirect_function_table" (table 0 funcref))
                (func (export "run") (result i32 i32 i32)
                    (i32.load (i32.const 131068)) (memory.size) (table.size)))"#
        )
    };
    check(&[("main.wasm", &main("131072"))], "run", "0 3 5");
    check_error(
        &[("main.wasm", &main("0xfffffff0"))],
        "cannot load `main.wasm`: memory of 4295032832 bytes is too large: \
         the limit is 4293918720 bytes",
    );
}

#[test]
fn plain_modules_import_from_a_library_by_its_name() {
    let mut world = World::new(&[
        (
            "main.wasm",
            r#"(module (import "math" "double" (func $double (param i32) (result i32)))
                (import "math" "scale" (global $scale (mut i32)))
                (func (export "run") (result i32) (global.set $scale (i32.const 3)) (call $double (i32.const 7))))"#,
        ),
        (
            "math.wasm",
            r#"(module (global $scale (export "scale") (mut i32) (i32.const 2))
                (func (export "double") (param i32) (result i32) (i32.mul (local.get 0) (global.get $scale))))"#,
        ),
    ]);
    world.options.preload.push(world.path("math.wasm"));
    let mut loader = world.open().expect("loaded");
    let values = loader.invoke("run", &[]).expect("returned");
    assert_eq!(values, [dynvm_vm::value::Value::I32(21)]);
}

/// A main program that is not position independent keeps its memory; libraries follow behind.
#[test]
fn libraries_come_behind_a_main_that_places_itself() {
    let files = [
        (
            "main.wasm",
            r#"(module (@dylink.0 (mem-info (memory 1024 4)) (needed "b.so"))
                (import "env" "run_b" (func $run (result i32 i32 i32 i32)))
                (memory (export "memory") 1) (table (export "__indirect_function_table") 3 funcref)
                (global (export "__stack_pointer") (mut i32) (i32.const 1024))
                (global (export "d") i32 (i32.const 2048)) (data (i32.const 2048) "\07")
                (elem (i32.const 1) func $f $f) (func $f (export "f") (result i32) (i32.const 5))
                (func (export "run") (result i32 i32 i32 i32) (call $run)))"#,
        ),
        (
            "b.so",
            r#"(module (@dylink.0 (mem-info (memory 8 3) (table 1 0)))
                (import "env" "memory" (memory 0)) (import "env" "__memory_base" (global $base i32))
                (import "env" "__table_base" (global $table i32)) (import "env" "__stack_pointer" (global $sp (mut i32)))
                (import "GOT.mem" "d" (global $d (mut i32))) (import "GOT.func" "f" (global $f (mut i32)))
                (func (export "run_b") (result i32 i32 i32 i32)
                    (i32.load (global.get $d)) (global.get $f)
                    (i32.ge_u (global.get $base) (i32.const 65536)) (global.get $sp)))"#,
        ),
    ];
    check(&files, "run", "7 1 1 1024");
}

#[test]
fn missing_libraries_tell_where_was_searched() {
    check_error(
        &[("main.wasm", r#"(module (@dylink.0 (mem-info) (needed "libm.so")))"#)],
        "cannot find `libm.so` (needed by main.wasm)\n  searched DIR",
    );
    check_error(
        &[("main.wasm", r#"(module (@dylink.0 (mem-info) (needed "../libm.so")))"#)],
        "cannot find `../libm.so` (needed by main.wasm)\n  no granted directory holds it",
    );
}

#[test]
fn bad_files_are_named() {
    let world = World::new(&[]);
    std::fs::write(world.path("main.wasm"), "#!/bin/sh\n").expect("written");
    let error = world.open().err().expect("no module");
    assert!(world.anonymous(&error.to_string()).starts_with("cannot load `DIR/main.wasm`: "));
    check_error(&[], "cannot read `DIR/main.wasm`: no such file");
}

#[test]
fn the_runpath_is_relative_to_who_asks() {
    let world = World::new(&[
        (
            "main.wasm",
            r#"(module (@dylink.0 (mem-info) (needed "b.so") (runtime-path "$ORIGIN/sub")))"#,
        ),
        (
            "b.tmp",
            r#"(module (@dylink.0 (mem-info) (needed "c.so") (runtime-path "${ORIGIN}/../other")))"#,
        ),
        ("c.tmp", "(module (@dylink.0 (mem-info)))"),
    ]);
    for (dir, from, to) in [("sub", "b.tmp", "sub/b.so"), ("other", "c.tmp", "other/c.so")] {
        std::fs::create_dir(world.path(dir)).expect("created");
        std::fs::rename(world.path(from), world.path(to)).expect("moved");
    }
    let loader = world.open().expect("loaded");
    let paths = loader.with_link_map(|map| {
        map.iter().map(|dso| world.anonymous(&dso.path.display().to_string())).collect::<Vec<_>>()
    });
    assert_eq!(paths, ["DIR/main.wasm", "DIR/sub/b.so", "DIR/sub/../other/c.so"]);
}

/// Two names of one file are one dso; libraries without data still have bases of their own.
#[test]
fn identity_is_the_file() {
    let world = World::new(&[
        ("main.wasm", r#"(module (@dylink.0 (mem-info) (needed "b.so" "same.so" "c.so")))"#),
        ("b.so", "(module (@dylink.0 (mem-info)))"),
        ("c.so", "(module (@dylink.0 (mem-info)))"),
    ]);
    std::os::unix::fs::symlink("b.so", world.path("same.so")).expect("linked");
    let loader = world.open().expect("loaded");
    let mut bases: Vec<u64> =
        loader.with_link_map(|map| map.iter().map(|dso| dso.bias.memory_base).collect());
    assert_eq!(bases.len(), 3);
    bases.dedup();
    assert_eq!(bases.len(), 3);
}

/// More libraries than are read at once: they are there in the order in which they are needed, a file
/// with two names once, and of several errors the first in that order is told.
#[test]
fn many_libraries_are_as_if_read_one_after_the_other() {
    let names: Vec<String> = (0..100).map(|number| format!("l{number}.so")).collect();
    let needed: Vec<String> = names.iter().map(|name| format!("\"{name}\"")).collect();
    let main = format!(r#"(module (@dylink.0 (mem-info) (needed {})))"#, needed.join(" "));
    let library = "(module (@dylink.0 (mem-info)))";
    let mut files: Vec<(&str, &str)> = names.iter().map(|name| (&**name, library)).collect();
    files.push(("main.wasm", &main));
    let world = World::new(&files);
    std::fs::remove_file(world.path("l33.so")).expect("removed");
    std::os::unix::fs::symlink("l7.so", world.path("l33.so")).expect("linked");
    let loader = world.open().expect("loaded");
    let loaded: Vec<String> =
        loader.with_link_map(|map| map.iter().map(|dso| dso.name.to_string()).collect());
    let is_once = |name: &&String| *name != "l33.so";
    let expected: Vec<String> = [&"main.wasm".to_owned()]
        .into_iter()
        .chain(names.iter().filter(is_once))
        .cloned()
        .collect();
    assert_eq!(loaded, expected);
    drop(loader);

    for broken in ["l70.so", "l44.so", "l41.so"] {
        std::fs::write(world.path(broken), "no module").expect("written");
        let error = world.open().err().expect("one is no module");
        let shown = world.anonymous(&error.to_string());
        assert!(shown.starts_with(&format!("cannot load `DIR/{broken}`: ")), "{shown}");
    }
    std::fs::remove_file(world.path("l90.so")).expect("removed");
    std::fs::remove_file(world.path("l2.so")).expect("removed");
    let error = world.open().err().expect("one is no module");
    let shown = world.anonymous(&error.to_string());
    assert!(shown.starts_with("cannot load `DIR/l41.so`: "), "{shown}");
    for name in ["l41.so", "l44.so", "l70.so"] {
        std::fs::copy(world.path("l1.so"), world.path(name)).expect("copied");
    }
    let error = world.open().err().expect("two are missing");
    let expected = "cannot find `l2.so` (needed by main.wasm)\n  searched DIR";
    assert_eq!(world.anonymous(&error.to_string()), expected);
}

#[test]
fn main_gets_its_arguments_in_memory() {
    let world = World::new(&[(
        "main.wasm",
        r#"(module (import "env" "log" (func $log (param i32))) (memory (export "memory") 1)
            (func (export "main") (param $argc i32) (param $argv i32) (result i32)
                (call $log (local.get $argc))
                (call $log (i32.load8_u (i32.load offset=4 (local.get $argv))))
                (call $log (i32.load offset=8 (local.get $argv)))
                (i32.const 3)))"#,
    )]);
    let mut loader = world.open().expect("loaded");
    let error = loader.run(&["main.wasm".to_owned(), "x".to_owned()]).expect_err("status 3");
    assert!(matches!(error.stop(), Some(dynvm_vm::Stop::Exit(3))));
    assert_eq!(world.logged(), [2, i32::from(b'x'), 0]);
}
