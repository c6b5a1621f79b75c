//! A load that fails leaves all as it was, whichever phase it fails in, and the next one succeeds.

use std::fs;
use std::path::PathBuf;

use dynvm::loader::Flags;
use dynvm::vm::value::Value;
use dynvm::{Library, Options, Runtime};

const MAIN: &str = r#"(module (@dylink.0 (mem-info (memory 16 4)))
  (import "env" "memory" (memory 0)) (import "env" "__indirect_function_table" (table 1 funcref))
  (type $f (func (result i32)))
  (func (export "call") (param i32) (result i32) (call_indirect (type $f) (local.get 0)))
  (func (export "of_main") (param i64) (result i64) (local.get 0)))"#;

/// The start of every library: it takes memory, slots of the table, a GOT entry, and needs another.
const LIBRARY: &str = r#"(module (@dylink.0 (mem-info (memory 4096 4) (table 3 0)) (needed "dependency.so"))
  (import "env" "memory" (memory 0)) (import "env" "__indirect_function_table" (table 1 funcref))
  (import "env" "__memory_base" (global $memory i32)) (import "env" "__table_base" (global $table i32))
  (import "GOT.func" "f" (global $pointer (mut i32)))
  (elem (global.get $table) $f $f)
  (func $f (export "f") (result i32) (i32.const 7))"#;

/// What follows in the libraries that fail, and how they do.
const FAILURES: [(&str, &str); 9] = [
    ("decode", "(func (result i32))"),
    ("undefined", r#"(import "env" "nowhere" (func)) (import "env" "nowhere_else" (func))"#),
    ("mismatch", r#"(import "env" "of_main" (func (param f32)))"#),
    ("segment", r#"(data (i32.const -8) "outside, far outside")"#),
    ("elements", r#"(elem (i32.const 100000) $f)"#),
    ("start", "(func $start unreachable) (start $start)"),
    ("relocate", r#"(func (export "__wasm_apply_data_relocs") unreachable)"#),
    ("memory", ""),
    ("table", ""),
];

const MESSAGES: [&str; 9] = [
    "type mismatch",
    "2 undefined symbols",
    "of_main",
    "out of bounds memory access",
    "out of bounds table access",
    "its start function",
    "the relocation of its data",
    "memory",
    "table",
];

struct World {
    runtime: Runtime,
    directory: tempfile::TempDir,
}

#[derive(Debug, PartialEq)]
struct State {
    libraries: Vec<Library>,
    /// What is in the table, and where.
    table: Vec<(u32, u32)>,
}

impl World {
    fn new() -> World {
        let directory = tempfile::tempdir().expect("a directory");
        let world = |name: &str, bytes: Vec<u8>| {
            fs::write(directory.path().join(name), bytes).expect("written");
        };
        world("main.wasm", wat::parse_str(MAIN).expect("a module"));
        let dependency = LIBRARY.replace(r#"(needed "dependency.so")"#, "");
        world("dependency.so", wat::parse_str(format!("{dependency})")).expect("a module"));
        world("good.so", wat::parse_str(format!("{LIBRARY})")).expect("a module"));
        for (name, rest) in FAILURES {
            // An import stands before everything else.
            let (imports, rest) = if rest.contains("import") { (rest, "") } else { ("", rest) };
            let library = LIBRARY
                .replace(r#"(import "GOT.func""#, &format!(r#"{imports} (import "GOT.func""#));
            let library = match name {
                "memory" => library.replace("(memory 4096 4)", "(memory 67108864 4)"),
                "table" => library.replace("(table 3 0)", "(table 50000000 0)"),
                _ => library,
            };
            world(
                &format!("{name}.so"),
                wat::parse_str(format!("{library}{rest})")).expect("a module"),
            );
        }
        let options = Options { memory_bytes_max: Some(16 << 20), ..Options::default() };
        let runtime = Runtime::open(&directory.path().join("main.wasm"), &options);
        World { runtime: runtime.unwrap_or_else(|error| panic!("{error}")), directory }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn state(&mut self) -> State {
        let libraries = self.runtime.libraries();
        let process = self.runtime.loader().process();
        let slots =
            (0..process.table_len()).filter_map(|slot| Some((slot, process.table_get(slot)?.0)));
        State { libraries, table: slots.filter(|(_, func)| *func != 0).collect() }
    }

    /// What has been had of memory and table, which never shrink.
    fn len(&mut self) -> (u64, u32) {
        let process = self.runtime.loader().process();
        (process.memory_pages(), process.table_len())
    }

    /// What can be opened is opened, called, and closed again.
    fn open_good(&mut self) {
        let path = self.path("good.so");
        let good = self.runtime.open_library(&path, Flags::NOW).expect("it loads");
        let pointer = self.runtime.symbol(good, "f").expect("it is defined");
        let result = self.runtime.invoke("call", &[pointer.to_string()]).expect("it returns");
        assert_eq!(result, [Value::I32(7)]);
        self.runtime.close_library(good).expect("it closes");
    }
}

#[test]
fn every_phase_can_fail_and_nothing_stays() {
    let mut world = World::new();
    world.open_good();
    for ((name, _), message) in FAILURES.iter().zip(MESSAGES) {
        let mut len = None;
        for flags in [Flags::NOW, Flags(Flags::NOW.0 | Flags::GLOBAL.0 | Flags::NODELETE.0)] {
            let before = world.state();
            let path = world.path(&format!("{name}.so"));
            let error = world.runtime.open_library(&path, flags).expect_err(name).to_string();
            assert!(error.contains(message), "{name}: expected `{message}`, found `{error}`");
            assert_eq!(world.state(), before, "{name}");
            world.open_good();
            assert_eq!(world.state(), before, "{name}");
            // What the first failure took serves the second one.
            assert_eq!(world.len(), len.unwrap_or(world.len()), "{name}");
            len = Some(world.len());
        }
    }
}
