//! Lazy binding: functions that nobody defines are looked for when they are called, and the call
//! goes on as if they had always been there.

#[allow(dead_code, reason = "each test file uses a part")]
mod world;

use dynvm_loader::{Flags, LoadError, Loader};
use dynvm_vm::Stop;
use dynvm_vm::value::Value;
use world::World;

const LAZY_GLOBAL: Flags = Flags(Flags::LAZY.0 | Flags::GLOBAL.0);

/// A world whose main program starts although nobody defines what it imports.
#[track_caller]
fn lazily(files: &[(&str, &str)]) -> (World, Loader) {
    let mut world = World::new(files);
    world.options.is_lazy = true;
    let loader = world.open().unwrap_or_else(|error| panic!("{error}"));
    (world, loader)
}

/// What the function `name` of main gives, or how it ends.
fn outcome(loader: &mut Loader, name: &str, args: &[&str]) -> String {
    let args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
    match loader.invoke(name, &args) {
        Ok(values) => values.iter().map(Value::to_string).collect::<Vec<_>>().join(" "),
        Err(LoadError::Stopped { stop: Stop::Trap(trap), .. }) => trap.to_string(),
        Err(error) => error.to_string(),
    }
}

/// `call` of main ends in `undefined`; once `lib` is opened, it gives `expected`, twice.
#[track_caller]
fn check(main: &str, lib: &str, expected: &str) {
    let main = format!("(module (@dylink.0 (mem-info (memory 0 0))) {main})");
    let lib = format!("(module (@dylink.0 (mem-info (memory 0 0))) {lib})");
    let (world, mut loader) = lazily(&[("main.wasm", &main), ("lib.so", &lib)]);
    let undefined =
        "wasm trap: undefined symbol: `f` (needed by main.wasm)\n  #0 main.wasm!call+0x";
    let first = outcome(&mut loader, "call", &[]);
    assert!(first.starts_with(undefined), "{first}");
    loader.open(&world.path("lib.so"), LAZY_GLOBAL).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(outcome(&mut loader, "call", &[]), expected);
    assert_eq!(outcome(&mut loader, "call", &[]), expected);
}

#[test]
fn a_definition_that_comes_later_is_found() {
    check(
        r#"(import "env" "f" (func $f (param i32) (result i32)))
        (func (export "call") (result i32) (call $f (i32.const 20)))"#,
        r#"(func (export "f") (param i32) (result i32) (i32.add (local.get 0) (i32.const 1)))"#,
        "21",
    );
}

#[test]
fn all_of_30_arguments_arrive() {
    let types = ["i32", "i64", "f32", "f64", "v128"];
    let ty = |position: usize| types[position % types.len()];
    let params: String = (0..30).map(|position| format!("{} ", ty(position))).collect();
    let argument = |position: usize| match ty(position) {
        "v128" => format!("(v128.const i32x4 {position} 1000 2000 3000)"),
        ty => format!("({ty}.const {position})"),
    };
    let arguments: String = (0..30).map(argument).collect();
    // Each argument as an integer, times its position, all of a vector's lanes.
    let term = |position: usize| {
        let get = format!("(local.get {position})");
        let lane = |lane: usize| format!("(i64.extend_i32_u (i32x4.extract_lane {lane} {get}))");
        let value = match ty(position) {
            "i32" => format!("(i64.extend_i32_u {get})"),
            "i64" => get,
            "v128" => (1..4).fold(lane(0), |sum, at| format!("(i64.add {sum} {})", lane(at))),
            ty => format!("(i64.trunc_{ty}_u {get})"),
        };
        format!("(i64.mul {value} (i64.const {position}))")
    };
    let sum = (0..30).fold("(i64.const 0)".to_owned(), |sum, position| {
        format!("(i64.add {sum} {})", term(position))
    });
    let vectors: i64 = (0..30).filter(|position| position % 5 == 4).sum();
    let expected: i64 = (0..30).map(|position| position * position).sum::<i64>() + 6000 * vectors;
    check(
        &format!(
            r#"(import "env" "f" (func $f (param {params}) (result i64)))
            (func (export "call") (result i64) (call $f {arguments}))"#
        ),
        &format!(r#"(func (export "f") (param {params}) (result i64) {sum})"#),
        &expected.to_string(),
    );
}

#[test]
fn vectors_arrive_whole_and_many_results_return() {
    let params = "v128 v128 v128 v128 v128 v128 v128 v128";
    let arguments: String = (0..8).map(|at| format!("(v128.const i64x2 {at} -{at})")).collect();
    let back: String = (0..8).rev().map(|at| format!("(local.get {at})")).collect();
    let lanes: String = (0..8).map(|at| format!("(local.set {} )", 7 - at)).collect();
    let sum = (0..8).fold("(i64.const 0)".to_owned(), |sum, at| {
        let lane = format!("(i64x2.extract_lane 1 (local.get {at}))");
        format!("(i64.add (i64.mul {sum} (i64.const 10)) {lane})")
    });
    check(
        &format!(
            r#"(import "env" "f" (func $f (param {params}) (result {params})))
            (func (export "call") (result i64) (local {params}) (call $f {arguments}) {lanes} {sum})"#
        ),
        &format!(r#"(func (export "f") (param {params}) (result {params}) {back})"#),
        "-76543210",
    );
}

#[test]
fn tail_calls_pass_through() {
    let params = "i64 ".repeat(12);
    let arguments: String = (1..=12).map(|at| format!("(i64.const {at})")).collect();
    // Down again with fewer arguments than it came with, many times: no stack may be kept.
    check(
        &format!(
            r#"(import "env" "f" (func $f (param {params}) (result i64)))
            (func $two (param i64 i64) (result i64) (return_call $f {arguments}))
            (func (export "call") (result i64) (call $two (i64.const 0) (i64.const 0)))"#
        ),
        &format!(
            r#"(func $f (export "f") (param {params}) (result i64)
                (if (i64.eq (local.get 11) (i64.const 1000000)) (then (return (local.get 1))))
                (return_call $g (local.get 11)))
            (func $g (param i64) (result i64)
                (return_call $f {} (i64.add (local.get 0) (i64.const 1))))"#,
            "(local.get 0) ".repeat(11)
        ),
        "999999",
    );
}

#[test]
fn tail_calls_of_the_undefined_leave_nothing_on_the_stack() {
    let (world, mut loader) = lazily(&[
        (
            "main.wasm",
            r#"(module (@dylink.0 (mem-info (memory 0 0)))
            (import "env" "f" (func $f (param i32) (result i32)))
            (func (export "call") (param i32) (result i32) (return_call $f (local.get 0))))"#,
        ),
        (
            "lib.so",
            r#"(module (@dylink.0 (mem-info (memory 0 0)))
            (import "env" "call" (func $call (param i32) (result i32)))
            (func (export "f") (param i32) (result i32)
                (if (i32.eqz (local.get 0)) (then (return (i32.const 7))))
                (return_call $call (i32.sub (local.get 0) (i32.const 1)))))"#,
        ),
    ]);
    loader.open(&world.path("lib.so"), LAZY_GLOBAL).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(outcome(&mut loader, "call", &["3000000"]), "7");
}

#[test]
fn exceptions_pass_through() {
    let tag = r#"(import "env" "__cpp_exception" (tag $e (param i32)))"#;
    check(
        &format!(
            r#"{tag} (import "env" "f" (func $f (param i32)))
            (func (export "call") (result i32)
                (block $caught (result i32)
                    (try_table (catch $e $caught) (call $f (i32.const 41)))
                    (i32.const 0)))"#
        ),
        &format!(r#"{tag} (func (export "f") (param i32) (throw $e (local.get 0)))"#),
        "41",
    );
}

#[test]
fn what_an_element_segment_copied_leads_on() {
    check(
        r#"(import "env" "f" (func $f (result i32)))
        (table 2 funcref) (elem (i32.const 1) $f)
        (func (export "call") (result i32) (call_indirect (result i32) (i32.const 1)))"#,
        r#"(func (export "f") (result i32) (i32.const 5))"#,
        "5",
    );
}

#[test]
fn a_function_of_another_type_is_no_definition() {
    check(
        r#"(import "env" "f" (func $f (result i32)))
        (func (export "call") (result i32) (call $f))"#,
        r#"(func (export "f") (result i64) (i64.const 5))"#,
        "wasm trap: undefined symbol: function `f`: expected type () -> (i32) \
         (needed by main.wasm), found () -> (i64) (defined by lib.so)\n  #0 main.wasm!call+0x1",
    );
}

/// A main program and libraries where `f` of `p.so` needs `absent`, which `q.so` defines.
const PLUGINS: [(&str, &str); 3] = [
    (
        "main.wasm",
        r#"(module (@dylink.0 (mem-info (memory 0 0)))
        (import "env" "__indirect_function_table" (table 0 funcref))
        (func (export "at") (param i32) (result i32) (call_indirect (result i32) (local.get 0))))"#,
    ),
    (
        "p.so",
        r#"(module (@dylink.0 (mem-info (memory 0 0)))
        (import "env" "absent" (func $absent (result i32)))
        (func (export "f") (result i32) (i32.add (call $absent) (i32.const 1))))"#,
    ),
    (
        "q.so",
        r#"(module (@dylink.0 (mem-info (memory 0 0)))
        (func (export "absent") (result i32) (i32.const 10)))"#,
    ),
];

#[test]
fn rtld_lazy_opens_what_rtld_now_refuses() {
    let world = World::new(&PLUGINS);
    let mut loader = world.open().expect("loaded");
    let error = loader.open(&world.path("p.so"), Flags::NOW).err().map(|error| error.to_string());
    assert_eq!(error.as_deref(), Some("undefined symbol `absent` (needed by p.so)"));
    let p = loader.open(&world.path("p.so"), Flags::LAZY).expect("opened");
    let f = loader.symbol(p, "f").expect("defined").to_string();
    assert_eq!(
        outcome(&mut loader, "at", &[&f]),
        "wasm trap: undefined symbol: `absent` (needed by p.so)\n  #0 p.so!f+0x1\n  \
         #1 main.wasm!at+0x3"
    );
    // What is opened without RTLD_GLOBAL is no definition for others.
    loader.open(&world.path("q.so"), Flags::LAZY).expect("opened");
    assert!(outcome(&mut loader, "at", &[&f]).starts_with("wasm trap: undefined symbol: `absent`"));
    loader.open(&world.path("q.so"), LAZY_GLOBAL).expect("opened");
    assert_eq!(outcome(&mut loader, "at", &[&f]), "11");
}

#[test]
fn a_definition_stays_as_long_as_who_is_bound_to_it() {
    let world = World::new(&PLUGINS);
    let mut loader = world.open().expect("loaded");
    let names = |loader: &Loader| {
        loader.with_link_map(|map| {
            map.iter().map(|dso| dso.name.to_string()).collect::<Vec<_>>().join(" ")
        })
    };
    for _ in 0..100 {
        let p = loader.open(&world.path("p.so"), Flags::LAZY).expect("opened");
        let q = loader.open(&world.path("q.so"), LAZY_GLOBAL).expect("opened");
        let f = loader.symbol(p, "f").expect("defined").to_string();
        assert_eq!(outcome(&mut loader, "at", &[&f]), "11");
        loader.close(q).expect("closed");
        assert_eq!(names(&loader), "main.wasm p.so q.so");
        assert_eq!(outcome(&mut loader, "at", &[&f]), "11");
        loader.close(p).expect("closed");
        assert_eq!(names(&loader), "main.wasm");
        assert!(outcome(&mut loader, "at", &[&f]).contains("which was unloaded"));
    }
}

#[test]
fn a_first_call_where_the_stack_ends_is_a_stack_overflow() {
    let (world, mut loader) = lazily(&[
        (
            "main.wasm",
            r#"(module (@dylink.0 (mem-info (memory 0 0)))
            (import "env" "log" (func $log (param i32))) (import "env" "f" (func $f (param i32)))
            (func $host (export "host") (param i32)
                (if (local.get 0) (then (call $host (i32.sub (local.get 0) (i32.const 1))))
                    (else (call $log (i32.const 0)))))
            (func $late (export "late") (param i32)
                (if (local.get 0) (then (call $late (i32.sub (local.get 0) (i32.const 1))))
                    (else (call $f (i32.const 0))))))"#,
        ),
        (
            "lib.so",
            r#"(module (@dylink.0 (mem-info (memory 0 0))) (func (export "f") (param i32)))"#,
        ),
    ]);
    loader.open(&world.path("lib.so"), LAZY_GLOBAL).expect("opened");
    // So deep that no host function has room, but wasm itself has.
    let mut depth = 100_000;
    while outcome(&mut loader, "host", &[&depth.to_string()]).is_empty() {
        depth += 10_000;
    }
    let depth = (depth + 2_000).to_string();
    let overflow = "wasm trap: call stack exhausted\n  #0 main.wasm!late+0x";
    let first = outcome(&mut loader, "late", &[&depth]);
    assert!(first.starts_with(overflow), "{first}");
    // Bound where there is room, it needs none.
    assert_eq!(outcome(&mut loader, "late", &["1"]), "");
    assert_eq!(outcome(&mut loader, "late", &[&depth]), "");
}
