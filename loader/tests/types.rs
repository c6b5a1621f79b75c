//! Types that refer to other types: two modules mean the same one if their recursive groups are
//! the same, whatever the indices are.

#[allow(dead_code, reason = "each test file uses a part")]
mod world;

use dynvm_loader::Flags;
use world::{World, check};

/// The message with which loading main fails. Numbers of types depend on what was loaded before.
#[track_caller]
fn check_error(files: &[(&str, &str)], expected: &str) {
    let error = World::new(files).open().err().expect("the load must fail").to_string();
    let mut parts = error.split("(ref ");
    let mut shown = parts.next().expect("there is a first part").to_owned();
    for part in parts {
        let (null, rest) = if part.starts_with("null ") { part.split_at(5) } else { ("", part) };
        let rest = rest.trim_start_matches(|digit: char| digit.is_ascii_digit());
        shown.push_str(&format!("(ref {null}ID{rest}"));
    }
    assert_eq!(shown, expected, "{error}");
}

/// Main has one type more in front, so that indices of the same type differ.
fn main_with(ty: &str, import: &str, body: &str) -> String {
    format!(
        r#"(module (@dylink.0 (mem-info) (needed "liba.so"))
            (type $front (func (param f64 f64)))
            {ty}
            {import}
            (func $seven (type $t) (i32.const 7))
            (elem declare func $seven)
            (func (export "run") (result i32) {body}))"#
    )
}

const T: &str = "(type $t (func (result i32)))";

fn library(ty: &str) -> String {
    format!(
        r#"(module (@dylink.0 (mem-info)) {ty}
            (func (export "call") (param (ref $t)) (result i32)
                (i32.add (i32.const 1) (call_ref $t (local.get 0)))))"#
    )
}

#[test]
fn a_parameter_can_be_a_reference_to_a_type() {
    let import = r#"(import "env" "call" (func $call (param (ref $t)) (result i32)))"#;
    let main = main_with(T, import, "(call $call (ref.func $seven))");
    check(&[("main.wasm", &main), ("liba.so", &library(T))], "run", "8");
}

/// Both say `(ref 1)`, and mean different types: a call through it would take a float from where an
/// integer is.
#[test]
fn a_reference_to_another_type_is_refused() {
    let import = r#"(import "env" "call" (func $call (param (ref $t)) (result i32)))"#;
    let main = main_with(T, import, "(call $call (ref.func $seven))");
    let library = r#"(module (@dylink.0 (mem-info))
        (type $front (func)) (type $t (func (param f64) (result i32)))
        (func (export "call") (param (ref $t)) (result i32)
            (call_ref $t (f64.const 1) (local.get 0))))"#;
    check_error(
        &[("main.wasm", &main), ("liba.so", library)],
        "function `call`: expected type ((ref ID)) -> (i32) (needed by main.wasm), \
         found ((ref ID)) -> (i32) (defined by liba.so)",
    );
}

#[test]
fn a_type_that_is_declared_otherwise_is_refused() {
    let import = r#"(import "env" "call" (func $call (param (ref $t)) (result i32)))"#;
    let main = main_with(T, import, "(call $call (ref.func $seven))");
    let open = library("(type $t (sub (func (result i32))))");
    check_error(
        &[("main.wasm", &main), ("liba.so", &open)],
        "function `call`: expected type ((ref ID)) -> (i32) (needed by main.wasm), \
         found ((ref ID)) -> (i32) (defined by liba.so)",
    );
    let plain = r#"(module (@dylink.0 (mem-info) (needed "liba.so")) (import "env" "f" (func)))"#;
    let open = r#"(module (@dylink.0 (mem-info)) (type $t (sub (func)))
        (func (export "f") (type $t)))"#;
    check_error(
        &[("main.wasm", plain), ("liba.so", open)],
        "function `f`: expected type () -> () (needed by main.wasm), found () -> () \
         (defined by liba.so); they look alike, but are declared differently (`sub`, `rec`)",
    );
}

/// A function of a subtype is a function of the type that is asked for.
#[test]
fn a_function_can_be_of_a_subtype() {
    let types =
        "(type $base (sub (func (result i32)))) (type $sub (sub $base (func (result i32))))";
    let module = |front: &str, content: &str| {
        format!(r#"(module (@dylink.0 (mem-info) {front}) {types} {content})"#)
    };
    let of = |ty: &str, other: &str| {
        let content = format!(
            r#"(import "env" "f" (func $f (type {ty})))
                (func (export "run") (result i32) (call $f))"#
        );
        let main = module(r#"(needed "liba.so")"#, &content);
        let content = format!(r#"(func (export "f") (type {other}) (i32.const 9))"#);
        (main, module("", &content))
    };
    let (main, library) = of("$base", "$sub");
    check(&[("main.wasm", &main), ("liba.so", &library)], "run", "9");
    let (main, library) = of("$sub", "$base");
    check_error(
        &[("main.wasm", &main), ("liba.so", &library)],
        "function `f`: expected type () -> (i32) (needed by main.wasm), found () -> (i32) \
         (defined by liba.so); they look alike, but are declared differently (`sub`, `rec`)",
    );
}

/// A mutable global that two modules take for references to different types would turn one into
/// the other.
#[test]
fn globals_of_references_are_of_one_type() {
    let import = r#"(import "env" "slot" (global $slot (mut (ref null $t))))"#;
    let body = "(global.set $slot (ref.func $seven)) (call_ref $t (global.get $slot))";
    let main = main_with(T, import, body);
    let library = |types: &str| {
        format!(
            r#"(module (@dylink.0 (mem-info)) {types}
                (global (export "slot") (mut (ref null $t)) (ref.null $t)))"#
        )
    };
    let shifted = format!("(type (func (param i64))) (type (func (param i64 i64))) {T}");
    check(&[("main.wasm", &main), ("liba.so", &library(&shifted))], "run", "7");
    let other = "(type (func)) (type $t (func (param i64) (result i32)))";
    check_error(
        &[("main.wasm", &main), ("liba.so", &library(other))],
        "global `slot`: expected type (mut (ref null ID)) (needed by main.wasm), \
         found (mut (ref null ID)) (defined by liba.so)",
    );
}

#[test]
fn tables_and_tags_of_references_are_of_one_type() {
    let import = r#"(import "liba" "table" (table $table 1 (ref null $t)))
        (import "env" "tag" (tag $tag (param (ref null $t))))"#;
    let body = "(table.set $table (i32.const 0) (ref.func $seven))
        (block $caught (result (ref null $t))
            (try_table (catch $tag $caught) (throw $tag (table.get $table (i32.const 0))))
            (unreachable))
        (ref.as_non_null) (call_ref $t)";
    let main = main_with(T, import, body);
    let library = |table: &str, tag: &str| {
        format!(
            r#"(module (@dylink.0 (mem-info)) {T} (type $other (func (param f32)))
                (table (export "table") 1 (ref null {table}))
                (tag (export "tag") (param (ref null {tag}))))"#
        )
    };
    check(&[("main.wasm", &main), ("liba.so", &library("$t", "$t"))], "run", "7");
    check_error(
        &[("main.wasm", &main), ("liba.so", &library("$other", "$t"))],
        "import `liba.table`: expected a table of (ref null ID) with 32-bit indices \
         (needed by main.wasm), found a table of (ref null ID) with 32-bit indices \
         (defined by liba.so)",
    );
    check_error(
        &[("main.wasm", &main), ("liba.so", &library("$t", "$other"))],
        "tag `tag`: expected type ((ref null ID)) -> () (needed by main.wasm), \
         found ((ref null ID)) -> () (defined by liba.so)",
    );
}

/// A weak function that nobody defines has the type that is asked for, of whatever form.
#[test]
fn a_missing_weak_function_traps_whatever_its_type() {
    let ty = "(rec (type $t (sub (func (param (ref null $t)) (result i32)))) (type (func)))";
    let main = format!(
        r#"(module (@dylink.0 (mem-info) (import-info "env" "hook" binding-weak undefined)) {ty}
            (import "env" "hook" (func $hook (type $t)))
            (func (export "run") (result i32) (call $hook (ref.null $t))))"#
    );
    check(&[("main.wasm", &main)], "run", "undefined symbol: `hook` (needed by main.wasm)");
}

/// A load that fails leaves nothing behind: not what it took a language's tag for either.
#[test]
fn a_failed_load_does_not_say_what_a_tag_is() {
    let of = |payload: &str, import: &str| {
        format!(
            r#"(module (@dylink.0 (mem-info))
                (import "env" "__cpp_exception" (tag (param {payload}))) {import})"#
        )
    };
    let wrong = of("f64", r#"(import "env" "nobody" (func))"#);
    let world = World::new(&[
        ("main.wasm", "(module (@dylink.0 (mem-info)))"),
        ("wrong.so", &wrong),
        ("right.so", &of("i32", "")),
    ]);
    let mut loader = world.open().unwrap_or_else(|error| panic!("{error}"));
    let error = loader.open(&world.path("wrong.so"), Flags::NOW).expect_err("undefined");
    assert_eq!(error.to_string(), "undefined symbol `nobody` (needed by wrong.so)");
    loader.open(&world.path("right.so"), Flags::NOW).unwrap_or_else(|error| panic!("{error}"));
}
