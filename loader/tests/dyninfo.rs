//! Modules with a `dyninfo` section: every key, every import, and libraries that come later.

#[allow(dead_code, reason = "each test file uses a part")]
mod world;

use dynvm_loader::LoadError;
use dynvm_vm::Stop;
use world::{World, check, check_error};

/// What every module imports.
const IMPORTS: &str = r#"(import "sys" "memory" (memory 1 65535)) (import "sys" "table" (table 65536 65536 funcref))
    (import "sys" "got" (global $got i32)) (import "sys" "plt" (global $plt i32))
    (import "sys" "gpo" (global $gpo i32))"#;

/// A module of `body` with the section `info`.
fn module(body: &str, info: &str) -> String {
    let info = info.replace('"', "\\22").replace('\n', " ");
    // Imports stand before all else.
    format!(r#"(module {IMPORTS} {body} (@custom "dyninfo" "{info}"))"#)
}

/// The result of `test` of a main program, with libraries.
#[track_caller]
fn check_main(main: (&str, &str), libraries: &[(&str, String)], expected: &str) {
    let main = module(main.0, main.1);
    let mut files = vec![("main.wasm", main.as_str())];
    files.extend(libraries.iter().map(|(name, text)| (*name, text.as_str())));
    check(&files, "test", expected);
}

#[test]
fn main_stays_where_it_was_linked() {
    check_main(
        (
            r#"(func (export "test") (result i32 i32 i32)
                (global.get $got) (global.get $plt) (global.get $gpo))"#,
            r#"{"data": 16384, "data_end": 16640, "plt_end": 9, "pc_end": 7}"#,
        ),
        &[],
        "16384 0 0",
    );
}

#[test]
fn fixups_are_moved_with_the_module() {
    // Of the library: a word that points to its own data, and one that holds a function of its own.
    let library = module(
        r#"(func $five (export "f_2") (result i32) (i32.const 5))
        (data (i32.add (global.get $got) (i32.const 8)) "\2a")
        (func (export "f_3") (result i32 i32 i32)
            (i32.load8_u (i32.load (global.get $got)))
            (call_indirect (result i32) (i32.load offset=4 (global.get $got)))
            (global.get $gpo))"#,
        r#"{"data_end": 16400, "plt_end": 4, "pc_end": 10, "defun": [["get", 3]],
            "fixup": [[16384, 16392]], "fixupfun": [[16388, 2]]}"#,
    );
    check_main(
        (
            r#"(func (export "test") (result i32 i32 i32) (call_indirect (result i32 i32 i32) (i32.const 1)))"#,
            r#"{"data_end": 16388, "plt_end": 2, "pc_end": 7, "refun": [["get", 1]], "libs": ["liba.wasm"]}"#,
        ),
        &[("liba.wasm", library)],
        "42 5 7",
    );
}

#[test]
fn words_and_slots_receive_symbols() {
    let library = module(
        r#"(data (global.get $got) "\07") (func (export "f_0               ") (result i32) (i32.const 9))"#,
        r#"{"data_end": 16388, "plt_end": 1, "def": [["x@@V1", 16384]], "defun": [["f@V1", 0]]}"#,
    );
    check_main(
        (
            r#"(func (export "test") (result i32 i32 i32)
                (i32.load (i32.load (i32.const 16384)))
                (call_indirect (result i32) (i32.load (i32.const 16388)))
                (call_indirect (result i32) (i32.const 4)))"#,
            r#"{"data_end": 16400, "plt_end": 5, "libs": ["liba.wasm"],
                "ref": [["x", 16384], ["f@@V1", 16388]], "refun": [["f", 4]]}"#,
        ),
        &[("liba.wasm", library)],
        "7 9 9",
    );
}

/// A library that defines `x` as this byte and `f` as giving it.
fn defining(value: u8) -> String {
    module(
        &format!(
            r#"(data (global.get $got) "\{value:02x}")
            (func (export "f_0") (result i32) (i32.const {value}))"#
        ),
        r#"{"data_end": 16388, "plt_end": 1, "def": [["x", 16384]], "defun": [["f", 0]]}"#,
    )
}

#[test]
fn the_last_data_and_the_first_function_win() {
    let asking = module(
        r#"(func (export "f_1") (result i32 i32)
            (i32.load (i32.load (global.get $got)))
            (call_indirect (result i32) (global.get $plt)))"#,
        r#"{"data_end": 16388, "plt_end": 2, "ref": [["x", 16384]], "refun": [["f", 0]], "defun": [["ask", 1]]}"#,
    );
    check_main(
        (
            r#"(func (export "test") (result i32 i32) (call_indirect (result i32 i32) (i32.const 0)))"#,
            r#"{"plt_end": 1, "refun": [["ask", 0]], "libs": ["one.wasm", "two.wasm", "ask.wasm"]}"#,
        ),
        &[("one.wasm", defining(1)), ("two.wasm", defining(2)), ("ask.wasm", asking)],
        "2 1",
    );
}

#[test]
fn what_waits_is_filled_by_the_first_that_comes() {
    check_main(
        (
            r#"(func (export "test") (result i32 i32)
                (i32.load (i32.load (i32.const 16384))) (call_indirect (result i32) (i32.const 0)))"#,
            r#"{"data_end": 16388, "plt_end": 1, "ref": [["x", 16384]], "refun": [["f", 0]],
                "libs": ["one.wasm", "two.wasm"]}"#,
        ),
        &[("one.wasm", defining(1)), ("two.wasm", defining(2))],
        "1 1",
    );
}

#[test]
fn a_main_without_pic_gets_a_copy_that_the_library_uses_too() {
    // The library counts through a word that receives the address of `count`.
    let library = module(
        r#"(data (i32.add (global.get $got) (i32.const 4)) "\64")
        (func (export "f_0")
            (i32.store (i32.load (global.get $got))
                (i32.add (i32.load (i32.load (global.get $got))) (i32.const 1))))"#,
        r#"{"data_end": 16392, "plt_end": 1, "ref": [["count", 16384]],
            "def": [["count", 16388]], "defun": [["add", 0]]}"#,
    );
    check_main(
        (
            r#"(func (export "test") (result i32 i32)
                (i32.load (i32.const 16396)) (call_indirect (i32.const 0)) (i32.load (i32.const 16396)))"#,
            r#"{"data_end": 16400, "plt_end": 1, "refun": [["add", 0]], "libs": ["liba.wasm"],
                "def": [["count", 16396]], "copy": [["count", 16396, 4]]}"#,
        ),
        &[("liba.wasm", library)],
        "100 101",
    );
}

#[test]
fn a_copy_of_what_is_defined_already_is_made_at_once() {
    // The later library has a copy of its own, which is the definition from then on.
    let later = module(
        r#"(func (export "f_0") (result i32) (i32.load (i32.add (global.get $got) (i32.const 4))))"#,
        r#"{"data_end": 16392, "plt_end": 1, "copy": [["x", 16388, 4]], "defun": [["copied", 0]]}"#,
    );
    let last = module(
        r#"(func (export "f_0") (result i32)
            (i32.store (i32.load (global.get $got)) (i32.const 9)) (i32.load (i32.load (global.get $got))))"#,
        r#"{"data_end": 16388, "plt_end": 1, "ref": [["x", 16384]], "defun": [["change", 0]]}"#,
    );
    check_main(
        (
            r#"(func (export "test") (result i32 i32 i32 i32)
                (call_indirect (result i32) (i32.const 0)) (call_indirect (result i32) (i32.const 1))
                (call_indirect (result i32) (i32.const 0)) (i32.load (i32.load (i32.const 16384))))"#,
            r#"{"data_end": 16388, "plt_end": 2, "ref": [["x", 16384]],
                "refun": [["copied", 0], ["change", 1]], "libs": ["one.wasm", "later.wasm", "last.wasm"]}"#,
        ),
        &[("one.wasm", defining(3)), ("later.wasm", later), ("last.wasm", last)],
        // What the main program was bound to before stays as it was.
        "3 9 9 3",
    );
}

#[test]
fn data_can_start_behind_the_link_base() {
    let library = module(
        r#"(data (i32.add (global.get $got) (i32.const 64)) "\05")
        (func (export "f_0") (result i32) (i32.load8_u (i32.load offset=68 (global.get $got))))"#,
        r#"{"data": 16448, "data_end": 16456, "plt_end": 1, "fixup": [[16452, 16448]],
            "defun": [["get", 0]]}"#,
    );
    check_main(
        (
            r#"(func (export "test") (result i32) (call_indirect (result i32) (i32.const 0)))"#,
            r#"{"plt_end": 1, "refun": [["get", 0]], "libs": ["liba.wasm"]}"#,
        ),
        &[("liba.wasm", library)],
        "5",
    );
}

#[test]
fn what_nobody_defines_is_no_error_until_it_is_called() {
    check_main(
        (
            r#"(func (export "test") (result i32)
                (drop (i32.load (i32.const 16384))) (call_indirect (result i32) (i32.const 0)))"#,
            r#"{"data_end": 16388, "plt_end": 1, "ref": [["x", 16384]], "refun": [["f", 0]]}"#,
        ),
        &[],
        "uninitialized element: table index 0 is null",
    );
}

#[test]
fn a_library_that_is_missing_is() {
    check_error(
        &[("main.wasm", &module("", r#"{"libs": ["liba.wasm"]}"#))],
        "cannot find `liba.wasm` (needed by main.wasm)\n  searched DIR",
    );
}

#[test]
fn bad_sections_and_imports_are_told() {
    check_error(
        &[("main.wasm", &module("", r#"{"ref": 5}"#))],
        "cannot load `DIR/main.wasm`: the `dyninfo` section: invalid type: integer `5`, \
         expected a sequence at line 1 column 9",
    );
    check_error(
        &[("main.wasm", &module(r#"(@custom "dyninfo" "{}")"#, "{}"))],
        "cannot load `DIR/main.wasm`: expected one `dyninfo` section, found another",
    );
    let imports = r#"(import "sys" "fly" (func)) (import "thinthin" "swim" (func (param i32)))
        (import "thinthin" "syscall" (func (param f64)))"#;
    check_error(
        &[(
            "main.wasm",
            &module("", "{}")
                .replace("(import \"sys\" \"got\"", &format!("{imports} (import \"sys\" \"got\"")),
        )],
        "3 undefined symbols\n  `sys.fly` (needed by main.wasm)\n  `thinthin.swim` (needed by main.wasm)\n  \
         `thinthin.syscall` (needed by main.wasm)",
    );
    check_error(
        &[("main.wasm", r#"(module (import "sys" "got" (global i32)))"#)],
        "undefined symbol `sys.got` (needed by main.wasm)",
    );
}

/// Imports of functions, before a body.
fn importing(imports: &str, body: &str) -> String {
    format!("{imports} {body}")
}

#[test]
fn sys_functions_do_what_their_names_say() {
    let body = importing(
        r#"(import "sys" "indcall" (func $indcall (param i32 i32) (result i32)))
        (import "sys" "trace" (func $trace (param i32 i32) (result i32)))
        (import "sys" "null" (func $null (result i32)))
        (import "sys" "eh_return" (func $eh_return (param i32 i32 i32) (result i32)))"#,
        r#"(func (export "f_1") (param i32 i32) (result i32) (i32.mul (local.get 0) (local.get 1)))
        (func (export "test") (result i32 i32 i32 i32 i32 i32)
            (call $indcall (i32.const 21) (i32.const 1))
            (call $trace (i32.const 1) (i32.const 2)) (call $null)
            ;; A frame at 0x4010, whose caller's stands where the word at its start says.
            (i32.store (i32.const 0x4010) (i32.const 0x4000))
            (i32.store (i32.const 0x4000) (i32.const 0x4080))
            (i32.store (i32.const 0x4040) (i32.const 77))
            (call $eh_return (i32.const 0x4010) (i32.const 0) (i32.const 99))
            (i32.load (i32.const 0x4090)) (i32.load (i32.const 4100)))"#,
    );
    check_main((&body, r#"{"data_end": 16640, "plt_end": 2}"#), &[], "21 0 0 16515 99 77");
    let wrong = importing(
        r#"(import "sys" "indcall" (func $indcall (param i32) (result i32)))"#,
        r#"(func (export "f_1")) (func (export "test") (result i32) (call $indcall (i32.const 1)))"#,
    );
    check_main(
        (&wrong, r#"{"plt_end": 2}"#),
        &[],
        "indirect call type mismatch: `sys.indcall` of table index 1",
    );
}

#[test]
fn sys_call_reads_names_and_arguments_from_memory() {
    let body = importing(
        r#"(import "sys" "call" (func $call (param i32 i32 i32 i32 i32 i32) (result i32)))"#,
        r#"(data (i32.const 0x4000) "thinthin\00getpid\00sbrk\00fly\00")
        (func $named (param $name i32) (result i32)
            (i32.store offset=8 (i32.const 0x4100) (i32.const 1))
            (i32.store offset=16 (i32.const 0x4100) (i32.const 0x2000))
            (call $call (i32.const 0) (i32.const 0) (i32.const 0x4100) (i32.const 0x4000)
                (local.get $name) (i32.const 0)))
        (func (export "test") (result i32 i32 i32)
            (call $named (i32.const 0x4009)) (i32.load (i32.const 0x2060))
            ;; The break moves by what was asked for.
            (drop (call $named (i32.const 0x4010))) (drop (call $named (i32.const 0x4010)))
            (i32.load (i32.const 0x2060))
            (drop (call $named (i32.const 0x4010)))
            (i32.sub (i32.load (i32.const 0x2060))))
        (func (export "fly") (result i32) (call $named (i32.const 0x4015)))"#,
    );
    let main = module(&body, r#"{"data_end": 20000}"#);
    check(&[("main.wasm", &main)], "test", "16584 1 -8192");
    check(
        &[("main.wasm", &main)],
        "fly",
        "undefined symbol: there is no system function `thinthin.fly`",
    );
}

/// A main program that loads the library whose name is at 0x4000.
const OPENER: &str = r#"(import "thinthin" "dlload" (func $dlload (param i32 i32) (result i32)))
    (import "thinthin" "dlreaddep" (func $dlreaddep (param i32 i32 i32) (result i32)))
    (import "thinthin" "dlinstantiate" (func $dlinstantiate (param i32 i32) (result i32)))
    (import "thinthin" "dlsym" (func $dlsym (param i32 i32) (result i32)))
    (import "thinthin" "dlopen" (func $dlopen (param i32) (result i32)))
    (data (i32.const 0x4000) "liba.wasm\00x\00f\00main_x\00one.wasm\00")"#;

#[test]
fn a_library_is_placed_where_the_guest_says() {
    let body = format!(
        r#"{OPENER}
        (func (export "test") (result i32 i32 i32 i32 i32 i32 i32 i32) (local $m i32)
            (local.set $m (call $dlload (i32.const 0x4000) (i32.const 0x4100)))
            (local.get $m) (i32.load (i32.const 0x4100))
            (call $dlreaddep (local.get $m) (i32.const 0x4110) (i32.const 100))
            (call $dlinstantiate (local.get $m) (i32.const 0x4200))
            (call $dlsym (local.get $m) (i32.const 0x400a))
            (i32.load (call $dlsym (local.get $m) (i32.const 0x400a)))
            ;; What waited in main.
            (call_indirect (result i32) (i32.const 0))
            (call $dlsym (local.get $m) (i32.const 0x400e)))"#
    );
    let info =
        r#"{"data_end": 20000, "plt_end": 1, "def": [["main_x", 16384]], "refun": [["f", 0]]}"#;
    // Number 2 behind main, 4 bytes of data, no libraries; `x` at 0x4200 is 3.
    let main = module(&body, info);
    let world = World::new(&[("main.wasm", &main), ("liba.wasm", &defining(3))]);
    let mut loader = world.open().expect("loaded");
    let values = loader.invoke("test", &[]).unwrap_or_else(|error| panic!("{error}"));
    let shown: Vec<String> = values.iter().map(ToString::to_string).collect();
    assert_eq!(shown.join(" "), "2 4 0 0 16896 3 3 0");
}

#[test]
fn names_of_what_a_library_needs_are_read_in_pieces() {
    let body = format!(
        r#"{OPENER}
        (func (export "test") (result i32 i32 i32 i32 i32 i32) (local $m i32)
            (local.set $m (call $dlload (i32.const 0x4000) (i32.const 0x4100)))
            (call $dlreaddep (local.get $m) (i32.const 0x4110) (i32.const 5))
            (call $dlreaddep (local.get $m) (i32.const 0x4115) (i32.const 100))
            (call $dlreaddep (local.get $m) (i32.const 0x4110) (i32.const 100))
            (i32.load8_u (i32.const 0x4118))
            ;; What it needs is nowhere; the guest's affair.
            (call $dlinstantiate (local.get $m) (i32.const 0))
            (call $dlinstantiate (local.get $m) (i32.const 0)))"#
    );
    let library = module("", r#"{"libs": ["no.wasm", "none.wasm"]}"#);
    check_main((&body, r#"{"data_end": 20000}"#), &[("liba.wasm", library)], "5 13 0 110 0 0");
}

#[test]
fn dlopen_loads_all_and_dlsym_looks_everywhere() {
    let body = format!(
        r#"(import "thinthin" "dlsym" (func $find (param i32) (result i32))) {OPENER}
        (func (export "test") (result i32 i32 i32)
            (call $dlopen (i32.const 0x4000))
            (i32.load (call $find (i32.const 0x400a)))
            (call $dlsym (i32.const 1) (i32.const 0x400e)))"#
    );
    let library = module("", r#"{"libs": ["one.wasm"]}"#);
    let info = r#"{"data_end": 20000, "def": [["main_x", 16384]]}"#;
    check_main((&body, info), &[("liba.wasm", library), ("one.wasm", defining(8))], "0 8 16384");
}

#[test]
fn a_library_that_cannot_be_loaded_changes_nothing() {
    let body = format!(
        r#"{OPENER}
        (func (export "test") (result i32 i32 i32 i32 i32 i32 i32)
            ;; Not there; needs what is not there; does not fit.
            (call $dlload (i32.const 0x400a) (i32.const 0x4100))
            (call $dlopen (i32.const 0x4000))
            (call $dlinstantiate (call $dlload (i32.const 0x4015) (i32.const 0x4100)) (i32.const -16))
            (call $dlinstantiate (i32.const 77) (i32.const 0))
            (call $dlsym (i32.const 77) (i32.const 0x400a))
            ;; Main still waits for `x`, and gets it.
            (i32.load (i32.const 0x4200))
            (call $dlopen (i32.const 0x4015)) (drop)
            (i32.load (i32.load (i32.const 0x4200))))"#
    );
    // It defines `x` too, and fails.
    let failing = module("", r#"{"data_end": 16388, "def": [["x", 16384]], "libs": ["no.wasm"]}"#);
    check_main(
        (&body, r#"{"data_end": 20000, "ref": [["x", 16896]]}"#),
        &[("liba.wasm", failing), ("one.wasm", defining(6))],
        "-12 -12 -12 -22 0 0 6",
    );
}

/// How a program ends whose entry point is `body` at table index 3.
#[track_caller]
fn check_run(body: &str, info: &str, expected: &str) {
    let main = module(body, info);
    let world = World::new(&[("main.wasm", &main)]);
    let mut loader = world.open().unwrap_or_else(|error| panic!("{error}"));
    let args = ["main.wasm", "one", "two"].map(str::to_owned);
    let shown = match loader.run(&args) {
        Ok(()) => "0".to_owned(),
        Err(LoadError::Stopped { stop: Stop::Exit(status), .. }) => status.to_string(),
        Err(error) => error.to_string(),
    };
    assert_eq!(shown, expected);
}

#[test]
fn a_program_starts_at_its_entry() {
    let exits = importing(
        r#"(import "thinthin" "syscall" (func $syscall (param i32 i32) (result i32)))"#,
        r#"(func (export "f_3") (drop (call $syscall (i32.const 60) (i32.const 4))))"#,
    );
    check_run(&exits, r#"{"plt_end": 4, "entry": 3}"#, "4");
    check_run(
        r#"(func (export "f_3") (result i32) (i32.const 5))"#,
        r#"{"plt_end": 4, "entry": 3}"#,
        "5",
    );
    check_run(
        r#"(func (export "f_3") (param i64))"#,
        r#"{"plt_end": 4, "entry": 3}"#,
        "`main.wasm` failed during its run: wasm trap: indirect call type mismatch: \
         `main.wasm!f_3` is the entry point",
    );
    check_run(
        "(func (export \"f_3\"))",
        r#"{"plt_end": 4, "entry": -1}"#,
        "`main.wasm` has no entry point: expected `_start`, `main` or `_initialize`",
    );
}

#[test]
fn functions_of_six_arguments_find_theirs_on_the_stack() {
    // The stack holds their count, the arguments and the environment. It returns to a function that says so.
    let body = r#"
        (func (export "_start") (param $label i32) (param $stack i32) (param i32 i32 i32 i32) (result i32)
            ;; exit status: 10 × count of arguments + the first letter of the second
            (i32.store (i32.const 0x2060) (i32.add
                (i32.mul (i32.const 10) (i32.load (local.get $stack)))
                (i32.sub (i32.load8_u (i32.load offset=4 (i32.load offset=4 (local.get $stack)))) (i32.const 110))))
            ;; continue at table index 2 with the frame at 0x4100
            (i32.store (i32.const 0x4108) (i32.const 2))
            (i32.const 0x4101))
        (func (export "f_2") (param i32 i32 i32 i32 i32 i32) (result i32)
            (i32.store (i32.const 0x2060) (i32.add (i32.load (i32.const 0x2060)) (i32.const 100)))
            ;; done: nobody called
            (i32.store (i32.const 0x4200) (i32.const 0))
            (i32.const 0x4200))"#;
    check_run(body, r#"{"data_end": 20000, "plt_end": 3, "entry": 1}"#, "131");
}
