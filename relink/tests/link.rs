//! Small programs of several modules, linked into one and run: one rule of linking each.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use dynvm_loader::{LoadError, Loader};
use dynvm_relink::{Options, RelinkError, Summary, link};
use dynvm_vm::types::{FuncType, ValType};
use dynvm_vm::{HostFunction, Stop};
use tempfile::TempDir;
use wasmparser::{KnownCustom, Name, Parser, Payload, Validator, WasmFeatures};

/// Modules in a directory: `main.wasm` is the program, and `options` is what it is linked with.
struct World {
    dir: TempDir,
    options: Options,
}

impl World {
    #[track_caller]
    fn new(files: &[(&str, &str)]) -> World {
        let dir = tempfile::tempdir().expect("a directory");
        for (name, text) in files {
            let bytes = wat::parse_str(text).unwrap_or_else(|error| panic!("{name}: {error}"));
            std::fs::write(dir.path().join(name), bytes).expect("written");
        }
        World { dir, options: Options::default() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn preload(mut self, name: &str) -> World {
        self.options.loader.preload.push(self.path(name));
        self
    }

    fn export(mut self, name: &str) -> World {
        self.options.exports.push(name.to_owned());
        self
    }

    fn link(&self) -> Result<(Vec<u8>, Summary), RelinkError> {
        link(self.options.clone(), &self.path("main.wasm"))
    }

    #[track_caller]
    fn linked(&self) -> (Vec<u8>, Summary) {
        self.link().unwrap_or_else(|error| panic!("{error}"))
    }

    /// A loader with the linked module, and what `host.log` is called with.
    #[track_caller]
    fn open(&self) -> (Loader, Arc<Mutex<Vec<i32>>>) {
        let (bytes, _) = self.linked();
        let path = self.path("linked.wasm");
        dynvm_relink::write(&path, &bytes).expect("written");
        let log = Arc::new(Mutex::new(Vec::new()));
        let to = Arc::clone(&log);
        let function = HostFunction::new(
            "log",
            FuncType::new([ValType::I32], []),
            Arc::new(move |_, values| {
                to.lock().expect("no panic").push(values[0].i32());
                Ok(())
            }),
        );
        let host_functions = vec![("host".to_owned(), "log".to_owned(), function)];
        let options = dynvm_loader::Options { host_functions, ..Default::default() };
        let mut loader = Loader::new(options).expect("a process");
        loader.open_main(&path).unwrap_or_else(|error| panic!("{error}"));
        (loader, log)
    }

    /// The result of `run`, a function that the linked module exports.
    #[track_caller]
    fn check(&self, expected: &str) {
        let shown = match self.open().0.invoke("run", &[]) {
            Ok(values) => values.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "),
            Err(LoadError::Stopped { stop: Stop::Trap(trap), .. }) => {
                trap.code.message().to_owned()
            }
            Err(error) => error.to_string(),
        };
        assert_eq!(shown, expected);
    }

    /// What is logged when the linked module runs.
    #[track_caller]
    fn check_log(&self, expected: &[i32]) {
        let (mut loader, log) = self.open();
        loader.run(&["linked.wasm".to_owned()]).unwrap_or_else(|stop| panic!("{stop}"));
        assert_eq!(*log.lock().expect("no panic"), expected);
    }

    /// The message with which linking fails.
    #[track_caller]
    fn check_error(&self, expected: &str) {
        let error = self.link().expect_err("linking must fail").to_string();
        assert_eq!(error.replace(&self.dir.path().display().to_string(), "DIR"), expected);
    }
}

/// Names of functions that a module defines, and of its imports and custom sections.
fn outline(bytes: &[u8]) -> (Vec<String>, Vec<String>, Vec<String>) {
    let (mut functions, mut imports, mut customs) = (Vec::new(), Vec::new(), Vec::new());
    for payload in Parser::new(0).parse_all(bytes) {
        match payload.expect("it is valid") {
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    let import = import.expect("it is valid");
                    imports.push(format!("{}.{}", import.module, import.name));
                }
            }
            Payload::CustomSection(section) => {
                customs.push(section.name().to_owned());
                let KnownCustom::Name(names) = section.as_known() else { continue };
                for name in names {
                    if let Name::Function(names) = name.expect("it is valid") {
                        let names = names.into_iter().map(|it| it.expect("valid").name.to_owned());
                        functions.extend(names);
                    }
                }
            }
            _ => {}
        }
    }
    (functions, imports, customs)
}

#[test]
fn a_plain_program_gets_the_libraries_of_the_command_line() {
    let main = r#"(module (import "env" "add" (func $add (param i32 i32) (result i32)))
        (import "env" "twice" (func $twice (param i32) (result i32)))
        (func (export "run") (result i32) (call $twice (call $add (i32.const 20) (i32.const 1)))))"#;
    let add = r#"(module (func (export "add") (param i32 i32) (result i32)
        (i32.add (local.get 0) (local.get 1))))"#;
    let twice = r#"(module (import "env" "add" (func $add (param i32 i32) (result i32)))
        (func (export "twice") (param i32) (result i32) (call $add (local.get 0) (local.get 0))))"#;
    let files = [("main.wasm", main), ("add.wasm", add), ("twice.wasm", twice)];
    let world = World::new(&files).preload("add.wasm").preload("twice.wasm");
    world.check("42");
    assert_eq!(outline(&world.linked().0).1, [] as [&str; 0]);
    World::new(&files)
        .preload("add.wasm")
        .check_error("undefined symbol `twice` (needed by main.wasm)");
    World::new(&files[..1]).check_error(
        "2 undefined symbols\n  `add` (needed by main.wasm)\n  `twice` (needed by main.wasm)",
    );
}

/// A library whose data holds addresses: of its own data, and of data and a function of main's.
const POINTERS: &str = r#"(module (@dylink.0 (mem-info (memory 32 2) (table 1 0)))
    (import "env" "memory" (memory 0))
    (import "env" "__indirect_function_table" (table 0 funcref))
    (import "env" "__memory_base" (global $base i32))
    (import "env" "__table_base" (global $table i32))
    (import "GOT.mem" "x" (global $x (mut i32)))
    (import "GOT.func" "f" (global $f (mut i32)))
    (type $f (func (result i32)))
    (func $own (result i32) (i32.const 5))
    (elem (global.get $table) func $own)
    (data (global.get $base) "\07\00\00\00")
    (func (export "__wasm_apply_data_relocs") RELOCATE
        (i32.store offset=4 (global.get $base) (global.get $base))
        (i32.store offset=8 (global.get $base) (i32.add (global.get $x) (i32.const 4)))
        (i32.store offset=12 (global.get $base) (global.get $f))
        (i32.store offset=16 (global.get $base) (global.get $table)))
    (func (export "sum") (result i32)
        (i32.add
            (i32.add (i32.load (i32.load offset=4 (global.get $base)))
                     (i32.load (i32.load offset=8 (global.get $base))))
            (i32.add (call_indirect (type $f) (i32.load offset=12 (global.get $base)))
                     (call_indirect (type $f) (i32.load offset=16 (global.get $base)))))))"#;

/// A program that uses it.
const POINTED: &str = r#"(module (@dylink.0 (mem-info (memory 16 2)) (needed "libp.so"))
    (import "env" "memory" (memory 0))
    (import "env" "__memory_base" (global $base i32))
    (import "env" "sum" (func $sum (result i32)))
    (global (export "x") i32 (i32.const 8))
    (func (export "f") (result i32) (i32.const 30))
    (data (offset (i32.add (global.get $base) (i32.const 12))) "\64\00\00\00")
    (func (export "run") (result i32) (call $sum)))"#;

#[test]
fn data_is_relocated_at_link_time() {
    let straight = POINTERS.replace("RELOCATE", "");
    let world = World::new(&[("main.wasm", POINTED), ("libp.so", &straight)]);
    world.check("142");
    assert_eq!(world.linked().1.steps_left, 0);
    let (functions, _, _) = outline(&world.linked().0);
    assert!(!functions.contains(&"__wasm_apply_data_relocs".to_owned()), "{functions:?}");
}

#[test]
fn relocation_that_is_no_straight_line_is_left_to_the_start() {
    let branch = POINTERS.replace("RELOCATE", "(if (i32.const 0) (then (unreachable)))");
    let world = World::new(&[("main.wasm", POINTED), ("libp.so", &branch)]);
    world.check("142");
    assert_eq!(world.linked().1.steps_left, 1);
}

#[test]
fn steps_behind_one_that_is_left_are_left_too() {
    // The start function of the library stores where its relocation stores afterwards.
    let library = |condition: &str| {
        format!(
            r#"(module (@dylink.0 (mem-info (memory 4 2)))
            (import "env" "memory" (memory 0))
            (import "env" "__memory_base" (global $base i32))
            (func $start (if (i32.const {condition}) (then
                (i32.store (global.get $base) (i32.const 1)))))
            (start $start)
            (func (export "__wasm_apply_data_relocs")
                (i32.store (global.get $base) (i32.const 2)))
            (func (export "read") (result i32) (i32.load (global.get $base))))"#
        )
    };
    let main = r#"(module (@dylink.0 (needed "libx.so"))
        (import "env" "read" (func $read (result i32)))
        (func (export "run") (result i32) (call $read)))"#;
    for condition in ["0", "1"] {
        let world = World::new(&[("main.wasm", main), ("libx.so", &library(condition))]);
        world.check("2");
        assert_eq!(world.linked().1.steps_left, 2);
    }
}

#[test]
fn passive_segments_are_copied_at_link_time_and_dropped() {
    let library = r#"(module (@dylink.0 (mem-info (memory 32 2)))
        (import "env" "memory" (memory 0))
        (import "env" "__memory_base" (global $base i32))
        (data $used "\2a") (data $kept "\07")
        (func $start
            (memory.fill (global.get $base) (i32.const 0) (i32.const 32))
            (memory.init $used (global.get $base) (i32.const 0) (i32.const 1))
            (data.drop $used))
        (start $start)
        (func (export "again") (memory.init $used (i32.const 64) (i32.const 0) (i32.const 1)))
        (func (export "read") (result i32)
            (memory.init $kept (i32.const 64) (i32.const 0) (i32.const 1))
            (i32.add (i32.load8_u (global.get $base)) (i32.load8_u (i32.const 64)))))"#;
    let main = r#"(module (@dylink.0 (needed "libx.so"))
        (import "env" "read" (func $read (result i32)))
        (import "env" "again" (func $again))
        (func (export "run") (result i32) (call $read) CALL))"#;
    let check = |call: &str, expected: &str| {
        let main = main.replace("CALL", call);
        let world = World::new(&[("main.wasm", &main), ("libx.so", library)]);
        assert_eq!(world.linked().1.steps_left, 0);
        world.check(expected);
    };
    check("", "49");
    check("(call $again)", "out of bounds memory access");
}

#[test]
fn numbers_that_a_module_assigns_are_its_own() {
    let main = r#"(module (@dylink.0 (needed "libx.so"))
        (import "GOT.mem" "d" (global $d (mut i32)))
        (import "env" "address" (func $address (result i32)))
        (func (export "run") (result i32)
            (global.set $d (i32.add (global.get $d) (i32.const 3)))
            (i32.sub (global.get $d) (call $address))))"#;
    let library = r#"(module (@dylink.0 (mem-info (memory 8 2)))
        (import "GOT.mem" "d" (global $d (mut i32)))
        (global (export "d") i32 (i32.const 4))
        (func (export "address") (result i32) (global.get $d)))"#;
    World::new(&[("main.wasm", main), ("libx.so", library)]).check("3");
}

#[test]
fn a_function_has_one_index_for_everybody() {
    let main = r#"(module (@dylink.0 (mem-info (table 1 0)) (needed "liba.so" "libb.so"))
        (import "env" "__indirect_function_table" (table 1 funcref))
        (import "env" "__table_base" (global $table i32))
        (import "GOT.func" "f" (global $f (mut i32)))
        (import "GOT.func" "mine" (global $mine (mut i32)))
        (import "env" "of_a" (func $a (result i32))) (import "env" "of_b" (func $b (result i32)))
        (func $own (export "mine"))
        (elem (global.get $table) func $own)
        (func (export "run") (result i32 i32 i32)
            (i32.eq (global.get $f) (call $a)) (i32.eq (global.get $f) (call $b))
            (i32.eq (global.get $mine) (global.get $table))))"#;
    let a = r#"(module (@dylink.0 (mem-info (table 2 0)))
        (import "env" "__indirect_function_table" (table 0 funcref))
        (import "env" "__table_base" (global $table i32))
        (func (export "f")) (func $g)
        (elem (global.get $table) func $g 0)
        (func (export "of_a") (result i32) (i32.add (global.get $table) (i32.const 1))))"#;
    let b = r#"(module (@dylink.0) (import "GOT.func" "f" (global $f (mut i32)))
        (func (export "of_b") (result i32) (global.get $f)))"#;
    World::new(&[("main.wasm", main), ("liba.so", a), ("libb.so", b)]).check("1 1 1");
}

#[test]
fn weak_symbols_that_nobody_defines_are_zero_and_trap() {
    let main = r#"(module (@dylink.0 (import-info "env" "hook" binding-weak undefined))
        (import "GOT.func" "hook" (global $hook (mut i32)))
        (import "env" "hook" (func $call))
        (func (export "run") (result i32) BODY))"#;
    let check = |body: &str, expected: &str| {
        World::new(&[("main.wasm", &main.replace("BODY", body))]).check(expected);
    };
    check("(global.get $hook)", "0");
    check("(call $call) (i32.const 1)", "unreachable");
}

#[test]
fn memories_and_tables_of_libraries_stay_theirs() {
    let main = r#"(module (@dylink.0 (mem-info (memory 4 2)) (needed "liba.so" "libb.so"))
        (import "env" "memory" (memory 0))
        (import "env" "a" (func $a (result i32))) (import "env" "b" (func $b (result i32)))
        (func (export "run") (result i32 i32) (call $a) (call $b)))"#;
    let library = |name: &str, byte: &str| {
        format!(
            r#"(module (memory 1) (data (i32.const 16) "{byte}")
            (table 1 funcref) (elem (i32.const 0) func $f) (type $f (func (result i32)))
            (func $f (result i32) (i32.load8_u (i32.const 16)))
            (func (export "{name}") (result i32) (call_indirect (type $f) (i32.const 0))))"#
        )
    };
    let (a, b) = (library("a", "\\0b"), library("b", "\\16"));
    World::new(&[("main.wasm", main), ("liba.so", &a), ("libb.so", &b)]).check("11 22");
}

#[test]
fn a_tag_is_one_tag() {
    let main = r#"(module (@dylink.0 (needed "liba.so"))
        (tag $t (import "env" "__cpp_exception") (param i32))
        (import "env" "throw" (func $throw))
        (func (export "run") (result i32)
            (block $caught (result i32)
                (try_table (catch $t $caught) (call $throw))
                (i32.const 0))))"#;
    let library = r#"(module (@dylink.0) (tag $t (import "env" "__cpp_exception") (param i32))
        (func (export "throw") (throw $t (i32.const 17))))"#;
    World::new(&[("main.wasm", main), ("liba.so", library)]).check("17");
    // One module in the encoding of before, which cannot stand in one function with the other.
    let legacy = library.replace(
        "(throw $t (i32.const 17))",
        "try throw 0 end".replace("throw 0", "i32.const 17 throw $t").as_str(),
    );
    World::new(&[("main.wasm", main), ("liba.so", &legacy)]).check("17");
}

#[test]
fn globals_stand_behind_those_that_they_are_made_of() {
    let main = r#"(module (@dylink.0 (needed "liba.so"))
        (import "env" "half" (global $half f64))
        (global $mine f64 (global.get $half))
        (func (export "run") (result f64) (f64.add (global.get $mine) (f64.const 1))))"#;
    let library = r#"(module (@dylink.0) (global (export "half") f64 (f64.const 0.5)))"#;
    World::new(&[("main.wasm", main), ("liba.so", library)]).check("1.5");
}

/// Whether an engine takes a module that knows several memories, but neither arithmetic in constant
/// expressions nor globals there that are not imported.
fn is_plain(bytes: &[u8]) -> bool {
    let features = WasmFeatures::WASM2 | WasmFeatures::MULTI_MEMORY;
    Validator::new_with_features(features).validate_all(bytes).is_ok()
}

#[test]
fn constant_expressions_are_folded() {
    let main = r#"(module (@dylink.0 (needed "liba.so"))
        (import "env" "far" (global $far i32))
        (import "env" "wide" (global $wide i64))
        (import "env" "half" (global $half f64))
        (import "env" "read" (func $read (result i32)))
        (global $sum i32 (i32.mul (i32.sub (global.get $far) (i32.const 7)) (i32.const -3)))
        (global $start (mut i64) (i64.add (i64.mul (global.get $wide) (i64.const 4)) (i64.const 2)))
        (global $copy f64 (global.get $half))
        (func (export "run") (result i32 i64 f64 i32)
            (global.set $start (i64.add (global.get $start) (i64.const 1)))
            (global.get $sum) (global.get $start) (global.get $copy) (call $read)))"#;
    // Its addresses, its segments in the process's memory and table, and those in its own.
    let library = r#"(module (@dylink.0 (mem-info (memory 16 2) (table 2 0))
            (export-info "far" absolute) (export-info "wide" absolute))
        (import "env" "memory" (memory 0))
        (import "env" "__memory_base" (global $base i32))
        (import "env" "__table_base" (global $table i32))
        (import "env" "__indirect_function_table" (table 0 funcref))
        (memory $own 1) (table $mine 4 funcref) (type $f (func (result i32)))
        (global $four i32 (i32.const 4))
        (global $eight i32 (i32.add (global.get $four) (global.get $four)))
        (global (export "far") i32 (i32.const 17))
        (global (export "wide") i64 (i64.sub (i64.const 0) (i64.const 0x4000000000000001)))
        (global (export "half") f64 (f64.const 0.5))
        (data (offset (i32.add (global.get $base) (global.get $eight))) "\01")
        (data (memory $own) (offset (i32.add (global.get $eight) (i32.const -1))) "\02")
        (elem (offset (i32.add (global.get $table) (i32.const 1))) func $ten)
        (elem (table $mine) (offset (i32.sub (global.get $four) (i32.const 1))) func $twenty)
        (func $ten (result i32) (i32.const 10))
        (func $twenty (result i32) (i32.const 20))
        (func (export "read") (result i32)
            (i32.load8_u (i32.add (global.get $base) (i32.const 8)))
            (i32.load8_u $own (i32.const 7))
            (call_indirect (type $f) (i32.add (global.get $table) (i32.const 1)))
            (call_indirect $mine (type $f) (i32.const 3))
            i32.add i32.add i32.add))"#;
    let world = World::new(&[("main.wasm", main), ("liba.so", library)]);
    world.check("-30 -1 0.5 33");
    assert!(!is_plain(&std::fs::read(world.path("liba.so")).expect("it is there")));
    assert!(is_plain(&world.linked().0));
}

#[test]
fn what_is_no_number_stays_an_expression() {
    // The object is made when the module starts, of a sum that is folded.
    let main = r#"(module (type $pair (struct (field i32) (field i32)))
        (global $four i32 (i32.const 4))
        (global $object (ref $pair)
            (struct.new $pair (i32.add (global.get $four) (i32.const 1)) (global.get $four)))
        (func (export "run") (result i32)
            (i32.mul (struct.get $pair 0 (global.get $object))
                (struct.get $pair 1 (global.get $object)))))"#;
    let world = World::new(&[("main.wasm", main)]);
    world.check("20");
    let (bytes, _) = world.linked();
    let validated = |features| Validator::new_with_features(features).validate_all(&bytes).is_ok();
    assert!(validated(WasmFeatures::all().difference(WasmFeatures::EXTENDED_CONST)));
    assert!(!validated(WasmFeatures::WASM2));
}

#[test]
fn each_global_is_computed_once() {
    // Each is twice the one before it: following every name would take 2^100 steps.
    let mut globals = "(global $g0 i64 (i64.const 3))".to_owned();
    for at in 1..=100 {
        let before = at - 1;
        globals.push_str(&format!(
            "(global $g{at} i64 (i64.add (global.get $g{before}) (global.get $g{before})))"
        ));
    }
    let main = format!(
        r#"(module {globals}
            (global $read (mut i64) (global.get $g60))
            (global $lost (mut i64) (global.get $g100))
            (func (export "run") (result i64 i64) (global.get $read) (global.get $lost)))"#
    );
    let world = World::new(&[("main.wasm", &main)]);
    world.check(&format!("{} 0", 3_i64 << 60));
    assert!(is_plain(&world.linked().0));
}

#[test]
fn constructors_run_dependencies_first_and_destructors_last_in_first_out() {
    // No C library: the linked module keeps the list of what is to run at exit.
    let module = |name: &str, needed: &str, number: i32, start: &str| {
        format!(
            r#"(module (@dylink.0 (mem-info (memory 4 2) (table 2 0)) {needed})
            (import "env" "memory" (memory 0))
            (import "env" "__indirect_function_table" (table 0 funcref))
            (import "env" "__memory_base" (global $base i32))
            (import "env" "__table_base" (global $table i32))
            (import "host" "log" (func $log (param i32)))
            (import "env" "__cxa_atexit" (func $cxa_atexit (param i32 i32 i32) (result i32)))
            (import "env" "atexit" (func $atexit (param i32) (result i32)))
            (func $with (param i32) (call $log (local.get 0)))
            (func $without (call $log (i32.const {number}3)))
            (elem (global.get $table) func $with $without)
            (func $ctors (export "__wasm_call_ctors")
                (call $log (i32.const {number}1))
                (drop (call $cxa_atexit
                    (global.get $table) (i32.const {number}2) (global.get $base)))
                (drop (call $atexit (i32.add (global.get $table) (i32.const 1)))))
            {start} (func (export "{name}")))"#
        )
    };
    let start = r#"(func (export "_start") (call $ctors) (call $log (i32.const 99)))"#;
    let main = module("main", r#"(needed "liba.so")"#, 1, start);
    let a = module("a", r#"(needed "libb.so")"#, 2, "");
    let b = module("b", "", 3, "");
    let world = World::new(&[("main.wasm", &main), ("liba.so", &a), ("libb.so", &b)]);
    world.check_log(&[31, 21, 11, 99, 13, 12, 23, 22, 33, 32]);
}

#[test]
fn what_nothing_reaches_is_left_out_and_names_stay() {
    let main = r#"(module (@dylink.0 (needed "liba.so"))
        (import "env" "used" (func $used))
        (func $start (export "_start") (call $used)) (func $unused (export "main_too")))"#;
    let library = r#"(module (@dylink.0) (import "host" "log" (func $log (param i32)))
        (import "host" "never" (func $never))
        (@custom "producers" (after code) "x")
        (func $secret (call $log (i32.const 1))) (func (export "used") (call $secret))
        (func (export "unused") (call $never)))"#;
    let world = World::new(&[("main.wasm", main), ("liba.so", library)]);
    world.check_log(&[1]);
    let (functions, imports, customs) = outline(&world.linked().0);
    assert_eq!(functions, ["log", "start", "secret", "used", "_start"]);
    assert_eq!(imports, ["host.log"]);
    assert_eq!(customs, ["name"]);
    let world = world.export("unused");
    assert_eq!(outline(&world.linked().0).1, ["host.log", "host.never"]);
    world.export("nowhere").check_error("cannot export `nowhere`: no dso defines it");
}

#[test]
fn what_needs_the_loader_is_refused_unless_it_is_never_called() {
    let main = r#"(module (@dylink.0) (import "env" "dlopen" (func $open (param i32 i32) (result i32)))
        (import "env" "dlerror" (func $error (result i32)))
        (func (export "run") (result i32) BODY)
        (func (export "unused") (result i32) (call $error)))"#;
    let program = |body: &str| {
        let main = main.replace("(export \"unused\")", "").replace("BODY", body);
        World::new(&[("main.wasm", &main)])
    };
    program("(i32.const 4)").check("4");
    let call = "(call $open (i32.const 0) (i32.const 0))";
    program(call).check_error(
        "`dlopen` (needed by main.wasm) needs the loader\n  a linked program has none: \
         `--allow-dlfcn` takes the libraries' own, which mostly fail",
    );
    World::new(&[("main.wasm", &main.replace("BODY", call))]).check_error(
        "2 functions need the loader\n  `dlerror` (needed by main.wasm)\n  `dlopen` (needed by \
         main.wasm)\n  a linked program has none: `--allow-dlfcn` takes the libraries' own, which \
         mostly fail",
    );
    let mut allowed = program(call);
    allowed.options.allows_dlfcn = true;
    allowed.check("unreachable");
    let libdl = r#"(module (@dylink.0) (func (export "dlopen") (param i32 i32) (result i32)
        (i32.const 6)))"#;
    std::fs::write(allowed.path("libdl.so"), wat::parse_str(libdl).expect("valid"))
        .expect("written");
    allowed.preload("libdl.so").check("6");
}

#[test]
fn segments_without_a_known_place_are_refused() {
    let far = r#"(module (@dylink.0 (mem-info (memory 4 2))) (import "env" "memory" (memory 0))
        (data (i32.const 0x7fffffff) "x") (func (export "run")))"#;
    World::new(&[("main.wasm", far)]).check_error(
        "cannot link `main.wasm`: expected data at a place that is known and exists, found another",
    );
    let elements = r#"(module (@dylink.0 (mem-info (table 1 0)))
        (import "env" "__indirect_function_table" (table $t 0 funcref))
        (elem (i32.const 99) func $f) (func $f (export "run") (call_indirect (i32.const 0))))"#;
    World::new(&[("main.wasm", elements)]).check_error(
        "cannot link `main.wasm`: expected elements at a place that is known and exists, found \
         another",
    );
}

#[test]
fn memories_that_import_each_other_are_refused() {
    let main =
        r#"(module (import "a" "m" (memory 1)) (export "m" (memory 0)) (func (export "run")))"#;
    let a = r#"(module (import "main" "m" (memory 1)) (export "m" (memory 0)))"#;
    World::new(&[("main.wasm", main), ("a.wasm", a)])
        .preload("a.wasm")
        .check_error("imports of globals, tables or tags of `main.wasm` go in a circle");
}

#[test]
fn a_file_that_cannot_be_written_is_named() {
    let world = World::new(&[("main.wasm", "(module)")]);
    let error =
        dynvm_relink::write(&world.path("nowhere/out.wasm"), b"").expect_err("no such folder");
    let message = error.to_string().replace(&world.dir.path().display().to_string(), "DIR");
    assert_eq!(
        message,
        "cannot write `DIR/nowhere/out.wasm`: No such file or directory (os error 2)"
    );
    let left = std::fs::read_dir(world.dir.path()).expect("it is there").count();
    assert_eq!(left, 1, "a temporary file was left");
}
