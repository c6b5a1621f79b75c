//! Other hosts' names for run-time linking: WASIX's, toywasm's, and what Emscripten's side modules
//! import.

#[allow(dead_code, reason = "each test file uses a part")]
mod world;

use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use dynvm_loader::{FileIdentity, GuestFile, GuestFiles};
use world::{World, check, check_error};

/// What WASIX's C library imports, and memory with texts: see the offsets in the tests.
const WASIX: &str = r#"(module (@dylink.0 (mem-info (memory 4096 4)))
    (import "env" "memory" (memory 1)) (import "env" "__memory_base" (global $base i32))
    (import "env" "__stack_pointer" (global $sp (mut i32)))
    (import "env" "__indirect_function_table" (table 0 funcref))
    (import "wasix_32v1" "dlopen" (func $dlopen (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
    (import "wasix_32v1" "dlsym" (func $dlsym (param i32 i32 i32 i32 i32 i32) (result i32)))
    (import "wasix_32v1" "dl_invalid_handle" (func $invalid (param i32) (result i32)))
    (import "wasix_32v1" "call_dynamic" (func $call (param i32 i32 i32 i32 i32 i32) (result i32)))
    (import "wasix_32v1" "dlclose" (func $dlclose (param i32 i32 i32) (result i32)))
    (import "wasix_32v1" "call_dynamic2" (func $call2 (param i32 i32 i32 i32 i32 i32) (result i32)))
    (import "wasix_32v1" "reflect_signature" (func $reflect (param i32 i32 i32 i32 i32 i32) (result i32)))
    (import "wasix_32v1" "closure_allocate" (func $allocate (param i32) (result i32)))
    (import "wasix_32v1" "closure_prepare" (func $prepare (param i32 i32 i32 i32 i32 i32 i32) (result i32)))
    (import "wasix_32v1" "closure_free" (func $free (param i32) (result i32)))
    (import "GOT.func" "backing" (global $backing (mut i32)))
    (data (global.get $base) "p.so\00fd\00\00\01\00/lib")
    (func $at (param i32) (result i32) (i32.add (global.get $base) (local.get 0)))
    (func $open (param $name_len i32) (result i32)
        (call $dlopen (call $at (i32.const 0)) (local.get $name_len) (i32.const 2)
            (call $at (i32.const 256)) (i32.const 64) (call $at (i32.const 10)) (i32.const 4)
            (call $at (i32.const 32))))
    (func $sym (param $name i32) (result i32)
        (call $dlsym (i32.load (call $at (i32.const 32))) (call $at (local.get $name)) (i32.const 1)
            (call $at (i32.const 256)) (i32.const 64) (call $at (i32.const 36))))
    (func (export "backing") (param $values i32) (param $results i32) (param $environment i32)
        (i32.store (local.get $results) (i32.add (i32.load (local.get $values))
            (i32.add (i32.wrap_i64 (i64.load offset=4 (local.get $values))) (local.get $environment)))))
    EXTRA)"#;

const PLUGIN: &str = r#"(module (@dylink.0 (mem-info (memory 16 2)))
    (import "env" "memory" (memory 0)) (import "env" "__memory_base" (global $base i32))
    (global (export "d") i32 (i32.const 4))
    (func (export "_initialize") (i32.store offset=4 (global.get $base) (i32.const 77)))
    (func (export "f") (param i32 i64) (result i64)
        (i64.add (i64.extend_i32_u (local.get 0)) (local.get 1))))"#;

/// The result of `test` in a WASIX program whose other functions are `extra`.
#[track_caller]
fn check_wasix(extra: &str, expected: &str) {
    let main = WASIX.replace("EXTRA", extra);
    check(&[("main.wasm", &main), ("p.so", PLUGIN)], "test", expected);
}

#[test]
fn wasix_opens_and_finds() {
    check_wasix(
        r#"(func (export "test") (result i32 i32 i32 i32 i32)
            (call $open (i32.const 4))
            (call $invalid (i32.load (call $at (i32.const 32))))
            (call $sym (i32.const 6))
            (i32.load (i32.load (call $at (i32.const 36))))
            (call $invalid (i32.const 5)))"#,
        "0 0 0 77 45",
    );
}

#[test]
fn wasix_main_is_a_handle_and_zero_the_global_scope() {
    check_wasix(
        r#"(func (export "test") (result i32 i32 i32 i32)
            (call $dlopen (i32.const 0) (i32.const 0) (i32.const 2) (i32.const 0) (i32.const 0)
                (i32.const 0) (i32.const 0) (call $at (i32.const 32)))
            (call $invalid (i32.load (call $at (i32.const 32))))
            (call $dlsym (i32.const 0) (call $at (i32.const 512)) (i32.const 7) (i32.const 0) (i32.const 0)
                (call $at (i32.const 36)))
            (i32.eq (i32.load (call $at (i32.const 36))) (global.get $backing)))
        (data (i32.add (global.get $base) (i32.const 512)) "backing")"#,
        "0 0 0 1",
    );
}

/// It opens `p.so` with flags, and tells whether its `f` is global.
const OPENER: &str = r#"(module (@dylink.0 (mem-info (memory 16 2)))
    (import "env" "memory" (memory 0)) (import "env" "__memory_base" (global $base i32))
    (import "env" "dlopen" (func $dlopen (param i32 i32) (result i32)))
    (import "env" "dlsym" (func $dlsym (param i32 i32) (result i32)))
    (data (global.get $base) "p.so\00f")
    (func (export "opens") (param i32) (result i32)
        (i32.ne (call $dlopen (global.get $base) (local.get 0)) (i32.const 0)))
    (func (export "is_global") (result i32)
        (i32.ne (call $dlsym (i32.const 0) (i32.add (global.get $base) (i32.const 5))) (i32.const 0))))"#;

/// What a library gets for the flags 2 | 8, 2 | 4 and 2 | 256, in this order, each time with whether
/// what it opened is global, where the main program imports and defines this.
#[track_caller]
fn check_flags(imports: &str, defines: &str, expected: &str) {
    let main = format!(
        r#"(module (@dylink.0 (needed "opener.so")) {imports}
        (import "env" "opens" (func $opens (param i32) (result i32)))
        (import "env" "is_global" (func $is_global (result i32)))
        (func (export "test") (result i32 i32 i32 i32 i32 i32)
            (call $opens (i32.const 10)) (call $is_global)
            (call $opens (i32.const 6)) (call $is_global)
            (call $opens (i32.const 0x102)) (call $is_global))
        {defines})"#
    );
    let files = [("main.wasm", &*main), ("opener.so", OPENER), ("p.so", PLUGIN)];
    check(&files, "test", expected);
}

#[test]
fn flags_have_the_numbers_of_the_callers_libc() {
    let wasix = r#"(import "wasix_32v1" "dl_invalid_handle" (func (param i32) (result i32)))"#;
    // Nobody calls it: a library's `dlopen` is the loader's.
    let dlopen = r#"(func (export "dlopen") (param i32 i32) (result i32) unreachable)"#;
    // RTLD_NOLOAD, RTLD_GLOBAL, and a number that means nothing.
    check_flags(wasix, dlopen, "0 0 1 1 1 1");
    check_flags(wasix, "", "0 0 1 1 1 1");
    // RTLD_LOCAL, RTLD_NOLOAD, RTLD_GLOBAL.
    check_flags("", dlopen, "1 0 1 0 1 1");
    check_flags("", "", "1 0 1 0 1 1");
}

#[test]
fn wasix_errors_have_number_and_text() {
    let main = WASIX.replace(
        "EXTRA",
        r#"(func (export "missing") (result i32) (call $open (i32.const 3)))
        (func (export "cut") (result i32)
            (call $dlopen (call $at (i32.const 0)) (i32.const 3) (i32.const 2)
                (call $at (i32.const 256)) (i32.const 7) (i32.const 0) (i32.const 0)
                (call $at (i32.const 32))))
        (func (export "nowhere") (result i32 i32 i32)
            (call $dlopen (call $at (i32.const 0)) (i32.const 4) (i32.const 2) (i32.const 0) (i32.const 0)
                (i32.const 0) (i32.const 0) (i32.const -2))
            (call $dlopen (i32.const -9) (i32.const 4) (i32.const 2) (i32.const 0) (i32.const 0)
                (i32.const 0) (i32.const 0) (call $at (i32.const 32)))
            (call $allocate (i32.const -1)))
        (func (export "unknown") (result i32 i32)
            (call $open (i32.const 4)) (call $sym (i32.const 5)))
        (func (export "base") (result i32) (call $at (i32.const 256)))"#,
    );
    // `p.so` defines no `e`: the text is asked for a byte before `f`.
    let main = main.replace("p.so\\00fd", "p.so\\00ed");
    let world = World::new(&[("main.wasm", &main), ("p.so", PLUGIN)]);
    let mut loader = world.open().expect("loaded");
    let mut run = |name: &str| {
        let values = loader.invoke(name, &[]).unwrap_or_else(|error| panic!("{error}"));
        let base = loader.invoke("base", &[]).expect("base")[0].raw().u32() as usize;
        let text = &loader.process().memory()[base..base + 64];
        let end = text.iter().position(|byte| *byte == 0).expect("it has an end");
        let shown: Vec<String> = values.iter().map(ToString::to_string).collect();
        let text = String::from_utf8_lossy(&text[..end]).into_owned();
        format!("{} {}", shown.join(" "), world.anonymous(&text))
    };
    assert!(run("missing").starts_with("45 cannot find `p.s`\n  searched "), "{}", run("missing"));
    assert_eq!(run("cut"), "45 cannot");
    assert!(run("nowhere").starts_with("78 78 78 "));
    assert_eq!(run("unknown"), "0 45 undefined symbol `e` in `p.so`");
}

#[test]
fn wasix_calls_with_values_of_memory() {
    check_wasix(
        r#"(func (export "test") (result i32 i32 i64 i32 i32 i32)
            (drop (call $open (i32.const 4))) (call $sym (i32.const 5))
            (i32.store (call $at (i32.const 64)) (i32.const 3))
            (i64.store (call $at (i32.const 68)) (i64.const 4000000000))
            (call $call (i32.load (call $at (i32.const 36))) (call $at (i32.const 64)) (i32.const 12)
                (call $at (i32.const 96)) (i32.const 8) (i32.const 1))
            (i64.load (call $at (i32.const 96)))
            ;; too few values, room for too few results; then the same without strictness
            (call $call (i32.load (call $at (i32.const 36))) (call $at (i32.const 64)) (i32.const 11)
                (call $at (i32.const 96)) (i32.const 8) (i32.const 1))
            (call $call (i32.load (call $at (i32.const 36))) (call $at (i32.const 64)) (i32.const 12)
                (call $at (i32.const 96)) (i32.const 7) (i32.const 1))
            (call $call (i32.load (call $at (i32.const 36))) (call $at (i32.const 64)) (i32.const 4)
                (call $at (i32.const 96)) (i32.const 0) (i32.const 0)))"#,
        "0 0 4000000003 28 28 0",
    );
}

#[test]
fn wasix_calls_nothing_that_is_not_there() {
    check_wasix(
        r#"(func (export "test") (result i32 i32)
            (call $call (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 1))
            (call $call (i32.const 90000) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)))"#,
        "28 28",
    );
}

#[test]
fn wasix_tells_types() {
    check_wasix(
        r#"(func (export "test") (result i32 i32 i32 i32 i32 i32 i32)
            (drop (call $open (i32.const 4))) (drop (call $sym (i32.const 5)))
            (call $reflect (i32.load (call $at (i32.const 36))) (call $at (i32.const 64)) (i32.const 2)
                (call $at (i32.const 80)) (i32.const 1) (call $at (i32.const 96)))
            (i32.load16_u (call $at (i32.const 64))) (i32.load8_u (call $at (i32.const 80)))
            (i32.load8_u (call $at (i32.const 96)))
            (i32.load (call $at (i32.const 98)))
            ;; too little room, and no function
            (call $reflect (i32.load (call $at (i32.const 36))) (call $at (i32.const 64)) (i32.const 1)
                (call $at (i32.const 80)) (i32.const 1) (call $at (i32.const 96)))
            (call $reflect (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)
                (call $at (i32.const 96))))"#,
        // Types i32 i64 are 0 and 1; two parameters and one result.
        "0 256 1 1 65538 61 28",
    );
}

#[test]
fn wasix_numbers_all_types_of_numbers() {
    check_wasix(
        r#"(func $all (param i32 i64 f32 f64 v128) (result v128 f64) (local.get 4) (local.get 3))
        (func $refers (param externref))
        (elem declare func $all $refers)
        (func (export "test") (result i32 i64 i32 i32 i32 i32 i32 i32) (local $slot i32)
            (drop (call $allocate (call $at (i32.const 48))))
            (local.set $slot (i32.load (call $at (i32.const 48))))
            (i64.store (call $at (i32.const 64)) (i64.const -1))
            (i32.store (call $at (i32.const 80)) (i32.const -1))
            (table.set (global.get $backing) (ref.func $all))
            (call $reflect (global.get $backing) (call $at (i32.const 64)) (i32.const 8)
                (call $at (i32.const 80)) (i32.const 4) (call $at (i32.const 96)))
            ;; What stands behind the types stays: i32 i64 f32 f64 v128 are 0 1 2 3 4.
            (i64.load (call $at (i32.const 64))) (i32.load (call $at (i32.const 80)))
            (table.set (global.get $backing) (ref.func $refers))
            (call $reflect (global.get $backing) (call $at (i32.const 64)) (i32.const 8)
                (call $at (i32.const 80)) (i32.const 4) (call $at (i32.const 96)))
            ;; An element that is empty will not be a closure either; past the table there is none.
            (drop (call $reflect (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)
                (call $at (i32.const 96))))
            (i32.load8_u (call $at (i32.const 96)))
            (drop (call $reflect (i32.const -1) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)
                (call $at (i32.const 96))))
            (i32.load8_u (call $at (i32.const 96)))
            (i32.load (call $at (i32.const 98)))
            (call $reflect (i32.const -1) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)
                (i32.const -1)))"#,
        "0 -1082281295616 -64764 28 1 0 0 78",
    );
}

#[test]
fn wasix_flags_are_its_own() {
    check_wasix(
        r#"(func $open_as (param $flags i32) (result i32)
            (call $dlopen (call $at (i32.const 0)) (i32.const 4) (local.get $flags)
                (call $at (i32.const 256)) (i32.const 64) (call $at (i32.const 10)) (i32.const 4)
                (call $at (i32.const 32))))
        (func $default (result i32)
            (call $dlsym (i32.const 0) (call $at (i32.const 5)) (i32.const 1)
                (call $at (i32.const 256)) (i32.const 64) (call $at (i32.const 36))))
        (func (export "test") (result i32 i32 i32 i32 i32 i32)
            ;; 8 is RTLD_NOLOAD, 4 RTLD_GLOBAL: what is not loaded, what is local, what is global.
            (call $open_as (i32.const 10)) (call $open_as (i32.const 0)) (call $default)
            (call $open_as (i32.const 14)) (call $default)
            ;; 16 is RTLD_NODELETE: it can be closed any number of times.
            (drop (call $open_as (i32.const 17)))
            (i32.or (i32.or (call $close) (call $close)) (i32.or (call $close) (call $close))))
        (func $close (result i32)
            (call $dlclose (i32.load (call $at (i32.const 32))) (call $at (i32.const 256)) (i32.const 64)))"#,
        "45 0 45 0 0 0",
    );
}

#[test]
fn wasix_closes() {
    check_wasix(
        r#"(func (export "test") (result i32 i32 i32 i32)
            (drop (call $open (i32.const 4)))
            (call $dlclose (i32.load (call $at (i32.const 32))) (i32.const 0) (i32.const 0))
            (call $invalid (i32.load (call $at (i32.const 32))))
            (call $dlclose (i32.load (call $at (i32.const 32))) (call $at (i32.const 256)) (i32.const 9))
            (i32.load (call $at (i32.const 256))))"#,
        // The text begins with `0x64`.
        "0 45 45 875984944",
    );
}

/// The function `f` of `p.so`, called with values that say their types: 3 and 4,000,000,000.
const TYPED_CALL: &str = r#"(func $value (param $at i32) (param $value i64) (param $type i32)
        (i64.store (call $at (local.get $at)) (local.get $value))
        (i64.store offset=8 (call $at (local.get $at)) (i64.const 0))
        (i32.store8 offset=16 (call $at (local.get $at)) (local.get $type)))
    (func $prepare_call
        (drop (call $open (i32.const 4))) (drop (call $sym (i32.const 5)))
        (call $value (i32.const 64) (i64.const 3) (i32.const 0))
        (call $value (i32.const 88) (i64.const 4000000000) (i32.const 1))
        (call $value (i32.const 160) (i64.const -1) (i32.const 9))
        (call $value (i32.const 184) (i64.const -1) (i32.const 9)))
    (func $typed (param $values i32) (param $room i32) (param $strict i32) (result i32)
        (i32.store (call $at (i32.const 56)) (local.get $room))
        (call $call2 (i32.load (call $at (i32.const 36))) (call $at (i32.const 64)) (local.get $values)
            (call $at (i32.const 160)) (call $at (i32.const 56)) (local.get $strict)))
    (func $room (result i32) (i32.load (call $at (i32.const 56))))"#;

#[test]
fn wasix_calls_with_values_that_say_their_types() {
    check_wasix(
        &format!(
            r#"{TYPED_CALL} (func (export "test") (result i32 i64 i32 i32 i32 i64 i32 i64)
                (call $prepare_call)
                (call $typed (i32.const 2) (i32.const 1) (i32.const 1))
                (i64.load (call $at (i32.const 160))) (i32.load8_u (call $at (i32.const 176)))
                ;; Less than it takes, with room for more than it gives.
                (call $typed (i32.const 1) (i32.const 2) (i32.const 0))
                (call $room)
                (i64.load (call $at (i32.const 160)))
                (i32.load8_u (call $at (i32.const 176))) (i64.load (call $at (i32.const 184))))"#
        ),
        "0 4000000003 1 0 1 3 1 0",
    );
}

#[test]
fn wasix_calls_are_strict_about_types_and_counts() {
    check_wasix(
        &format!(
            r#"{TYPED_CALL} (func (export "test") (result i32 i32 i32 i32 i32 i32)
                (call $prepare_call)
                (call $typed (i32.const 1) (i32.const 1) (i32.const 1))
                (call $typed (i32.const 2) (i32.const 2) (i32.const 1))
                (i32.store8 (call $at (i32.const 80)) (i32.const 2))
                (call $typed (i32.const 2) (i32.const 1) (i32.const 1))
                ;; A type without a number, memory that is not there, room that is not there.
                (i32.store8 (call $at (i32.const 80)) (i32.const 5))
                (call $typed (i32.const 2) (i32.const 1) (i32.const 0))
                (i32.store8 (call $at (i32.const 80)) (i32.const 0))
                (call $typed (i32.const -1) (i32.const 1) (i32.const 0))
                (call $typed (i32.const 2) (i32.const -1) (i32.const 0)))"#
        ),
        "28 28 28 28 78 78",
    );
}

#[test]
fn wasix_leaves_out_results_that_do_not_fit() {
    check_wasix(
        r#"(func (export "test") (result i32 i64)
            (drop (call $open (i32.const 4))) (drop (call $sym (i32.const 5)))
            (i64.store (call $at (i32.const 96)) (i64.const -1))
            (call $call (i32.load (call $at (i32.const 36))) (call $at (i32.const 64)) (i32.const 12)
                (call $at (i32.const 96)) (i32.const 7) (i32.const 0))
            (i64.load (call $at (i32.const 96))))"#,
        "0 -1",
    );
}

/// A closure of (i32, i64) -> i32 at `slot`, whose environment is 7.
const CLOSURE: &str = r#"(func $slot (result i32) (i32.load (call $at (i32.const 48))))
    (func $make (result i32)
        (call $prepare (global.get $backing) (call $slot) (call $at (i32.const 8)) (i32.const 2)
            (call $at (i32.const 7)) (i32.const 1) (i32.const 7)))
    (data (i32.add (global.get $base) (i32.const 7)) "\00\00\01")"#;

#[test]
fn wasix_closures_carry_an_environment() {
    check_wasix(
        &format!(
            r#"{CLOSURE} (func (export "test") (result i32 i32 i32 i32 i32 i32 i32) (local $sp i32)
                (local.set $sp (global.get $sp))
                (call $allocate (call $at (i32.const 48))) (call $make)
                (call_indirect (param i32 i64) (result i32) (i32.const 5) (i64.const 9) (call $slot))
                (i32.eq (local.get $sp) (global.get $sp))
                ;; its type can change: prepared again, and told so
                (drop (call $reflect (call $slot) (call $at (i32.const 64)) (i32.const 2)
                    (call $at (i32.const 80)) (i32.const 1) (call $at (i32.const 96))))
                (i32.load8_u (call $at (i32.const 96)))
                ;; What is no closure is freed without complaint.
                (call $free (call $slot)) (call $free (call $slot)))"#
        ),
        "0 0 21 1 0 0 0",
    );
}

#[test]
fn wasix_freed_closures_trap() {
    check_wasix(
        &format!(
            r#"{CLOSURE} (func (export "test") (result i32)
                (drop (call $allocate (call $at (i32.const 48)))) (drop (call $make))
                (drop (call $free (call $slot)))
                (call_indirect (param i32 i64) (result i32) (i32.const 5) (i64.const 9) (call $slot)))"#
        ),
        "uninitialized element: call of `host!closure`, which was unloaded",
    );
}

#[test]
fn wasix_closures_serve_again() {
    check_wasix(
        &format!(
            r#"{CLOSURE} (func (export "test") (result i32) (local $n i32)
                (loop $again
                    (drop (call $allocate (call $at (i32.const 48)))) (drop (call $make))
                    (drop (call $free (call $slot)))
                    (br_if $again (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 100000))))
                (drop (call $allocate (call $at (i32.const 48)))) (drop (call $make))
                (call_indirect (param i32 i64) (result i32) (i32.const 5) (i64.const 9) (call $slot)))"#
        ),
        "21",
    );
}

#[test]
fn wasix_refuses_what_is_no_closure() {
    check_wasix(
        &format!(
            r#"{CLOSURE} (func (export "test") (result i32 i32 i32)
                (call $prepare (global.get $backing) (global.get $backing) (i32.const 0) (i32.const 0)
                    (i32.const 0) (i32.const 0) (i32.const 7))
                (drop (call $allocate (call $at (i32.const 48))))
                (call $prepare (global.get $backing) (call $slot) (call $at (i32.const 0)) (i32.const 1)
                    (i32.const 0) (i32.const 0) (i32.const 7))
                (call $prepare (global.get $backing) (call $slot) (i32.const -1) (i32.const 8)
                    (i32.const 0) (i32.const 0) (i32.const 7)))"#
        ),
        "28 28 78",
    );
}

#[test]
fn wasix_closures_need_a_function_of_the_right_type() {
    let prepared = |backing: &str| {
        format!(
            r#"{CLOSURE} (func (export "other") (result i32) (i32.const 0))
            (import "GOT.func" "other" (global $other (mut i32)))
            (func (export "test")
                (drop (call $allocate (call $at (i32.const 48))))
                (drop (call $prepare {backing} (call $slot) (i32.const 0) (i32.const 0)
                    (i32.const 0) (i32.const 0) (i32.const 7)))
                (call_indirect (call $slot)))"#
        )
    };
    // Imports stand before all else.
    let check = |backing: &str, expected: &str| {
        let extra = prepared(backing);
        let import = r#"(import "GOT.func" "other" (global $other (mut i32)))"#;
        let main = WASIX.replace("EXTRA", &extra.replace(import, ""));
        let main =
            main.replace("(data (global.get $base)", &format!("{import} (data (global.get $base)"));
        check(&[("main.wasm", &main)], "test", expected);
    };
    check(
        "(global.get $other)",
        "indirect call type mismatch: `main.wasm!other` stands behind a closure",
    );
    check("(i32.const 0)", "uninitialized element: table index 0 stands behind a closure");
}

#[test]
fn a_wasix_function_of_another_type_is_an_error() {
    check_error(
        &[(
            "main.wasm",
            r#"(module (import "wasix_32v1" "dl_invalid_handle" (func (param i64) (result i32))))"#,
        )],
        "function `dl_invalid_handle`: expected type (i64) -> (i32) (needed by main.wasm), \
         found (i32) -> (i32) (defined by the host)",
    );
}

#[test]
fn what_wasix_has_besides_is_missing() {
    check_error(
        &[(
            "main.wasm",
            r#"(module (import "wasix_32v1" "proc_fork" (func (param i32) (result i32))))"#,
        )],
        "undefined symbol `wasix_32v1.proc_fork` (needed by main.wasm)",
    );
}

struct View(HashMap<&'static str, Vec<u8>>);

impl GuestFiles for View {
    fn open(&self, guest_path: &str) -> io::Result<GuestFile> {
        let bytes = self.0.get(guest_path).ok_or(io::ErrorKind::NotFound)?.clone();
        let identity = FileIdentity { device: 1, inode: 1 };
        Ok(GuestFile { bytes, identity, path: PathBuf::from(guest_path) })
    }
}

#[test]
fn wasix_searches_the_directories_that_the_guest_names() {
    let main = WASIX.replace(
        "EXTRA",
        r#"(func (export "test") (result i32 i32 i32)
            (call $dlopen (call $at (i32.const 0)) (i32.const 4) (i32.const 2)
                (call $at (i32.const 256)) (i32.const 64) (call $at (i32.const 512)) (i32.const 8)
                (call $at (i32.const 32)))
            (call $sym (i32.const 6)) (i32.load (i32.load (call $at (i32.const 36)))))
        (data (i32.add (global.get $base) (i32.const 512)) "/x:/q//:")"#,
    );
    let mut world = World::new(&[("main.wasm", &main)]);
    let plugin = wat::parse_str(PLUGIN).expect("valid text");
    world.options.guest_files = Some(Arc::new(View(HashMap::from([("/q/p.so", plugin)]))));
    let mut loader = world.open().expect("loaded");
    let values = loader.invoke("test", &[]).unwrap_or_else(|error| panic!("{error}"));
    let shown: Vec<String> = values.iter().map(ToString::to_string).collect();
    assert_eq!(shown, ["0", "0", "77"]);
}

/// What toywasm's C library imports; `EXTRA` follows.
const TOYWASM: &str = r#"(module (@dylink.0 (mem-info (memory 256 4)))
    (import "env" "memory" (memory 1)) (import "env" "__memory_base" (global $base i32))
    (import "env" "__indirect_function_table" (table 0 funcref))
    (import "dyld" "load_object" (func $load (param i32 i32 i32 i32) (result i32)))
    (import "dyld" "resolve_symbol" (func $resolve (param i32 i32 i32 i32 i32) (result i32)))
    (import "env" "dlerror" (func $dlerror (result i32)))
    (data (global.get $base) "p.sofd")
    (func $at (param i32) (result i32) (i32.add (global.get $base) (local.get 0)))
    (func $open (result i32)
        (call $load (call $at (i32.const 0)) (i32.const 4) (i32.const 0) (call $at (i32.const 32))))
    (func $symbol (param $kind i32) (param $name i32) (result i32)
        (call $resolve (i32.load (call $at (i32.const 32))) (local.get $kind)
            (call $at (local.get $name)) (i32.const 1) (call $at (i32.const 36))))
    (func $found (result i32) (i32.load (call $at (i32.const 36))))
    EXTRA)"#;

#[track_caller]
fn check_toywasm(extra: &str, expected: &str) {
    let main = TOYWASM.replace("EXTRA", extra);
    check(&[("main.wasm", &main), ("p.so", PLUGIN)], "test", expected);
}

#[test]
fn toywasm_loads_and_resolves() {
    check_toywasm(
        r#"(func (export "test") (result i32 i32 i64 i32 i32)
            (call $open) (call $symbol (i32.const 1) (i32.const 4))
            (call_indirect (param i32 i64) (result i64) (i32.const 1) (i64.const 2) (call $found))
            (call $symbol (i32.const 2) (i32.const 5)) (i32.load (call $found)))"#,
        "0 0 3 0 77",
    );
}

#[test]
fn toywasm_asks_for_a_kind_of_symbol() {
    check_toywasm(
        r#"(func (export "test") (result i32 i32 i32 i32 i32)
            (call $open)
            (call $symbol (i32.const 2) (i32.const 4)) (call $symbol (i32.const 1) (i32.const 5))
            (call $symbol (i32.const 3) (i32.const 4)) (call $symbol (i32.const 1) (i32.const 0)))"#,
        "0 1 1 1 1",
    );
}

#[test]
fn toywasm_fails_with_one_and_a_text() {
    check_toywasm(
        r#"(func (export "test") (result i32 i32 i32 i32 i32)
            (call $load (call $at (i32.const 0)) (i32.const 3) (i32.const 0) (call $at (i32.const 32)))
            (i32.load8_u (call $dlerror)) (call $dlerror)
            (call $load (i32.const -1) (i32.const 3) (i32.const 0) (call $at (i32.const 32)))
            (call $load (call $at (i32.const 0)) (i32.const 4) (i32.const 0) (i32.const -1)))"#,
        &format!("1 {} 0 1 1", b'p'),
    );
}

/// A side module as Emscripten makes it: data relocated, and functions of JavaScript called.
const SIDE: &str = r#"(module (@dylink.0 (mem-info (memory 8 2) (table 1 0)))
    (import "env" "memory" (memory 0)) (import "env" "__indirect_function_table" (table 1 funcref))
    (import "env" "__memory_base" (global $base i32)) (import "env" "__table_base" (global $table i32))
    (import "env" "__stack_pointer" (global $sp (mut i32)))
    (import "GOT.mem" "shared" (global $shared (mut i32)))
    (import "env" "invoke_ii" (func $invoke (param i32 i32) (result i32)))
    (import "env" "setTempRet0" (func $set (param i32))) (import "env" "getTempRet0" (func $get (result i32)))
    (import "env" "emscripten_notify_memory_growth" (func $grown (param i32)))
    (func $double (param i32) (result i32) (i32.mul (local.get 0) (i32.const 2)))
    (elem (global.get $table) $double)
    (func (export "__wasm_apply_data_relocs") (i32.store (global.get $base) (global.get $shared)))
    (func (export "__wasm_call_ctors")
        (i32.store offset=4 (global.get $base) (i32.load (i32.load (global.get $base)))))
    (func (export "side") (result i32)
        (call $grown (i32.const 0)) (call $set (i32.const 100))
        (i32.add (call $get)
            (call $invoke (global.get $table) (i32.load offset=4 (global.get $base))))))"#;

const USES_SIDE: &str = r#"(module (@dylink.0 (mem-info (memory 8 2)) (needed "side.wasm"))
    (import "env" "memory" (memory 1)) (import "env" "__memory_base" (global $base i32))
    (import "env" "side" (func $side (result i32)))
    (global (export "shared") i32 (i32.const 4))
    (data (global.get $base) "\00\00\00\00\15\00\00\00")
    (func (export "test") (result i32) (call $side)))"#;

#[test]
fn a_side_module_loads_where_its_imports_are_met() {
    check(&[("main.wasm", USES_SIDE), ("side.wasm", SIDE)], "test", "142");
}

#[test]
fn invoke_traps_as_an_indirect_call_does() {
    let invoke = |index: &str| {
        format!(
            r#"(module (@dylink.0 (mem-info (memory 8 2) (table 1 0)))
            (import "env" "__indirect_function_table" (table 1 funcref))
            (import "env" "__table_base" (global $table i32)) (import "env" "__memory_base" (global i32))
            (import "env" "invoke_v" (func $invoke (param i32)))
            (elem (global.get $table) $f) (func $f (param i64))
            (func (export "test") (call $invoke ({index}))))"#
        )
    };
    check(
        &[("main.wasm", &invoke("global.get $table"))],
        "test",
        "indirect call type mismatch: `invoke_v` of table index 1",
    );
    check(
        &[("main.wasm", &invoke("i32.const 0"))],
        "test",
        "uninitialized element: `invoke_v` of table index 0",
    );
}

#[test]
fn functions_of_javascript_are_told_from_those_of_libraries() {
    check_error(
        &[(
            "main.wasm",
            r#"(module (@dylink.0 (mem-info (memory 8 2)))
                (import "env" "malloc" (func (param i32) (result i32)))
                (import "env" "emscripten_run_script" (func (param i32)))
                (import "GOT.func" "emscripten_sleep" (global (mut i32)))
                (import "env" "draw" (func)) (import "env" "paint" (func))
                (global (export "__em_js__draw") i32 (i32.const 4)))"#,
        )],
        "2 undefined symbols\n  `malloc` (needed by main.wasm)\n  `paint` (needed by main.wasm)\n\
         and no JavaScript here: 3 functions of Emscripten's\n  \
         `emscripten_run_script` (needed by main.wasm)\n  `emscripten_sleep` (needed by main.wasm)\n  \
         `draw` (needed by main.wasm)",
    );
}

#[test]
fn javascript_alone_is_missing() {
    check_error(
        &[("main.wasm", r#"(module (import "env" "_dlopen_js" (func (param i32) (result i32))))"#)],
        "no JavaScript here: function of Emscripten's `_dlopen_js` (needed by main.wasm)",
    );
}
