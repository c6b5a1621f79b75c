//! A load that fails leaves all as it was, whichever phase it fails in, and the next one succeeds.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use dynvm::jit::{CompileTime, Tiers};
use dynvm::loader::{Flags, Handle};
use dynvm::vm::value::Value;
use dynvm::{Library, Options, Runtime};

/// Functions are compiled when they are called.
const LAZY: CompileTime = CompileTime::Lazy(Tiers::Both);

/// It opens one of [`CONSTRUCTORS`], and what opens one in its own constructor.
const MAIN: &str = r#"(module (@dylink.0 (mem-info (memory 96 4)))
  (import "env" "memory" (memory 0)) (import "env" "__indirect_function_table" (table 1 funcref))
  (import "env" "__memory_base" (global $memory i32))
  (import "env" "dlopen" (func $dlopen (param i32 i32) (result i32)))
  (data (global.get $memory) "trapping.so\00    exiting.so\00     throwing.so\00    interrupted.so\00 opening.so")
  (func (export "open") (param $which i32) (param $flags i32) (result i32)
    (call $dlopen (i32.add (global.get $memory) (i32.mul (local.get $which) (i32.const 16)))
      (local.get $flags)))
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
    /// Whether what is opened is stopped as soon as it runs.
    is_interrupted: bool,
    directory: tempfile::TempDir,
}

#[derive(Debug, PartialEq)]
struct State {
    libraries: Vec<Library>,
    /// What is in the table, and where.
    table: Vec<(u32, u32)>,
}

/// A function that no compiler makes, and the compiler does not take: 50,000 locals in 340 loops.
fn too_large() -> String {
    let mut text = String::from("(func $huge (export \"huge\") (result i32) (local");
    text.push_str(&" i32".repeat(50_000));
    text.push(')');
    text.push_str(&"loop ".repeat(340));
    for local in 0..50_000 {
        write!(text, "(drop (local.get {local}))").expect("a string takes all text");
    }
    text.push_str(&"end ".repeat(340));
    text.push_str("(i32.const 1))");
    text
}

/// Constructors that do not return, and what `open` says of them.
const CONSTRUCTORS: [(&str, &str, &str); 4] = [
    (
        "trapping",
        "unreachable",
        "constructors: wasm trap: unreachable\n  #0 trapping.so!__wasm_call_ctors+0x",
    ),
    ("exiting", "(call $exit (i32.const 3))", "exit status 3"),
    (
        "throwing",
        "(throw $thrown (i32.const 5))",
        "constructors: wasm trap: uncaught exception: tag ",
    ),
    ("interrupted", "(loop $again (br $again))", "constructors: wasm trap: interrupted"),
];

impl World {
    fn new(compile: CompileTime) -> World {
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
        let huge = too_large();
        let module = |text: String| wat::parse_str(text).unwrap_or_else(|error| panic!("{error}"));
        world("compile.so", module(format!("{LIBRARY}{huge})")));
        world("needed.so", module(format!("{dependency}{huge})")));
        let needing = LIBRARY.replace(r#"(needed "dependency.so")"#, r#"(needed "needed.so")"#);
        world("compile_needed.so", module(format!("{needing})")));
        for (name, constructor, _) in CONSTRUCTORS {
            // What stopped has registered a destructor, which must not run.
            let imports = r#"(import "env" "__cxa_atexit" (func $register (param i32 i32 i32) (result i32)))
                (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
                (import "GOT.func""#;
            let library = LIBRARY.replace(r#"(import "GOT.func""#, imports);
            let text = format!(
                r#"{library} (tag $thrown (param i32))
                (elem (i32.add (global.get $table) (i32.const 2)) $destruct)
                (func $destruct unreachable)
                (func (export "__wasm_call_ctors")
                    (drop (call $register (i32.add (global.get $table) (i32.const 2)) (i32.const 0)
                        (global.get $memory)))
                    {constructor}))"#
            );
            world(&format!("{name}.so"), module(text));
        }
        // Its constructor opens the one that traps.
        let opening = LIBRARY.replace(
            r#"(import "GOT.func""#,
            r#"(import "env" "open" (func $open (param i32 i32) (result i32))) (import "GOT.func""#,
        );
        let opening = format!(
            r#"{opening} (func (export "__wasm_call_ctors")
                (drop (call $open (i32.const 0) (i32.const 0x1002)))))"#
        );
        world("opening.so", module(opening));
        let options = Options { memory_bytes_max: Some(16 << 20), compile, ..Options::default() };
        let runtime = Runtime::open(&directory.path().join("main.wasm"), &options);
        let runtime = runtime.unwrap_or_else(|error| panic!("{error}"));
        World { runtime, is_interrupted: false, directory }
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

/// Opening `name` fails, with `message` in what it says, and changes nothing: not what is loaded nor
/// what is in the table, and what the first failure took of memory serves the second one.
#[track_caller]
fn check_failure(world: &mut World, name: &str, message: &str) {
    let mut len = None;
    for flags in [Flags::NOW, Flags(Flags::NOW.0 | Flags::GLOBAL.0 | Flags::NODELETE.0)] {
        let before = world.state();
        let path = world.path(&format!("{name}.so"));
        if world.is_interrupted {
            world.runtime.loader().process().interrupter().interrupt();
        }
        let error = world.runtime.open_library(&path, flags).expect_err(name).to_string();
        assert!(error.contains(message), "{name}: expected `{message}`, found `{error}`");
        assert_eq!(world.state(), before, "{name}");
        world.open_good();
        assert_eq!(world.state(), before, "{name}");
        assert_eq!(world.len(), len.unwrap_or(world.len()), "{name}");
        len = Some(world.len());
    }
}

#[test]
fn every_phase_can_fail_and_nothing_stays() {
    for compile in [LAZY, CompileTime::Eager] {
        let mut world = World::new(compile);
        world.open_good();
        for ((name, _), message) in FAILURES.iter().zip(MESSAGES) {
            check_failure(&mut world, name, message);
        }
    }
}

const TOO_LARGE: &str =
    "cannot compile function `huge`: it has 50000 locals in 340 loops, a product above 16777216";

#[test]
fn what_cannot_be_compiled_is_not_opened() {
    let mut world = World::new(CompileTime::Eager);
    world.open_good();
    check_failure(&mut world, "compile", &format!("cannot compile `compile.so`: {TOO_LARGE}"));
    // What was compiled before goes too.
    check_failure(
        &mut world,
        "compile_needed",
        &format!("cannot compile `needed.so`: {TOO_LARGE}"),
    );
}

#[test]
fn what_is_compiled_later_fails_when_it_is_called() {
    let mut world = World::new(LAZY);
    world.open_good();
    let before = world.state();
    let library = world.runtime.open_library(&world.path("compile.so"), Flags::NOW);
    let library = library.expect("nothing is compiled yet");
    let pointer = |world: &mut World, name: &str| {
        world.runtime.symbol(library, name).expect("it is defined").to_string()
    };
    let huge = pointer(&mut world, "huge");
    for _ in 0..2 {
        let error = world.runtime.invoke("call", std::slice::from_ref(&huge)).expect_err("huge");
        assert!(error.to_string().contains(TOO_LARGE), "{error}");
    }
    // Its neighbours can be called.
    let f = pointer(&mut world, "f");
    assert_eq!(world.runtime.invoke("call", &[f]).expect("it returns"), [Value::I32(7)]);
    world.runtime.close_library(library).expect("it closes");
    world.open_good();
    assert_eq!(world.state(), before);
}

#[test]
fn a_library_whose_constructor_stops_goes_again() {
    for compile in [LAZY, CompileTime::Eager] {
        let mut world = World::new(compile);
        world.open_good();
        for (name, _, message) in CONSTRUCTORS {
            world.is_interrupted = name == "interrupted";
            check_failure(&mut world, name, message);
        }
    }
}

/// The guest opens the library of this number, whose constructor stops: it hears nothing of it, but who
/// called it does, and finds everything as it was.
#[track_caller]
fn check_guest(world: &mut World, number: usize, message: &str) {
    for flags in [Flags::NOW, Flags(Flags::NOW.0 | Flags::GLOBAL.0 | Flags::NODELETE.0)] {
        let before = world.state();
        let interrupter = world.runtime.loader().process().interrupter();
        let interrupted = (message == INTERRUPTED).then(|| {
            std::thread::spawn(move || {
                std::thread::sleep(Duration::from_millis(100));
                interrupter.interrupt();
            })
        });
        let args = [number.to_string(), flags.0.to_string()];
        let error = world.runtime.invoke("open", &args).expect_err(message).to_string();
        interrupted.map(std::thread::JoinHandle::join);
        assert!(error.contains(message), "{number}: expected `{message}`, found `{error}`");
        assert_eq!(world.state(), before, "{number}");
        world.open_good();
        assert_eq!(world.state(), before, "{number}");
    }
}

const INTERRUPTED: &str = "wasm trap: interrupted\n  #0 interrupted.so!__wasm_call_ctors+0x";

#[test]
fn a_library_that_stops_when_the_guest_opens_it_goes_again() {
    for compile in [LAZY, CompileTime::Eager] {
        let mut world = World::new(compile);
        world.open_good();
        let trapped = "wasm trap: unreachable\n  #0 trapping.so!__wasm_call_ctors+0x";
        check_guest(&mut world, 0, trapped);
        check_guest(&mut world, 1, "exit status 3");
        check_guest(&mut world, 2, "wasm trap: uncaught exception: tag ");
        check_guest(&mut world, 3, INTERRUPTED);
        // The one whose constructor called `dlopen` goes too, whoever opens it.
        check_guest(&mut world, 4, trapped);
        check_failure(&mut world, "opening", trapped);
    }
}

#[test]
fn what_stops_under_a_call_of_the_embedders_goes_with_the_next_open() {
    let mut world = World::new(LAZY);
    let open = world.runtime.symbol(Handle::DEFAULT, "open").expect("it is defined");
    world.open_good();
    let before = world.state();
    let process = world.runtime.loader().process_mut();
    let open = process.table_get(open).expect("a symbol of a function has an index");
    let args = [0, Flags::NOW.0 as i32].map(Value::I32);
    process.call(open, &args).expect_err("the constructor traps");
    assert_ne!(world.state(), before, "nobody has heard of it");
    world.open_good();
    assert_eq!(world.state(), before);
}

/// A library that needs what `needed` names, with `room` for `mem-info`.
fn library_with(room: &str, needed: &str) -> Vec<u8> {
    let library = LIBRARY.replace("(memory 4096 4) (table 3 0)", room);
    let library = library.replace(r#"(needed "dependency.so")"#, &format!("(needed {needed})"));
    wat::parse_str(format!("{library})")).expect("a module")
}

#[test]
fn what_no_linker_wrote_is_not_opened() {
    let mut world = World::new(LAZY);
    world.open_good();
    let good = library_with("(memory 4096 4) (table 3 0)", r#""dependency.so""#);
    let needs_all: String = (0..65_535).map(|number| format!(r#""n{number}.so" "#)).collect();
    let late = r#"(module (import "env" "memory" (memory 0))
        (@custom "dylink.0" (after import) "\01\04\00\00\00\00"))"#;
    let endless = r#"(module (@custom "dylink.0" (before first) "\02\06\ff\ff\ff\ff\0f\00"))"#;
    let module = |text: &str| wat::parse_str(text).expect("a module");
    let room = |room: &str| library_with(room, r#""dependency.so""#);
    let malformed = [
        ("empty", Vec::new(), "not a WebAssembly module"),
        ("cut", good[..good.len() / 2].to_vec(), "invalid module: unexpected end"),
        ("cut_header", good[..6].to_vec(), "unexpected end of the header"),
        ("magic", [b"\x7fELF", &good[4..]].concat(), "not a WebAssembly module"),
        ("version", [&good[..4], &[2, 0, 0, 0], &good[8..]].concat(), "unknown binary version"),
        ("late", module(late), "is not the first section of the module"),
        ("endless", module(endless), "the `dylink.0` section ends inside"),
        ("much", room("(memory 4294967295 4) (table 3 0)"), "is too large: the limit is 16777216"),
        ("aligned", room("(memory 16 31) (table 3 0)"), "is too large: the limit is 16777216"),
        ("unaligned", room("(memory 16 32) (table 3 0)"), "an alignment of memory up to 2^31"),
        ("wide", room("(memory 16 4) (table 4294967295 0)"), "table"),
        ("wide_aligned", room("(memory 16 4) (table 1 31)"), "table"),
        ("needs_all", library_with("(memory 16 4) (table 3 0)", &needs_all), "cannot find `n0.so`"),
        (
            "nul",
            library_with("(memory 16 4) (table 3 0)", r#""a\00b""#),
            "the name of a needed library",
        ),
        (
            "nameless",
            library_with("(memory 16 4) (table 3 0)", r#""""#),
            "the name of a needed library",
        ),
    ];
    for (name, bytes, message) in malformed {
        fs::write(world.path(&format!("{name}.so")), bytes).expect("written");
        check_failure(&mut world, name, message);
    }
}

#[test]
fn a_library_can_need_itself() {
    let mut world = World::new(LAZY);
    world.open_good();
    let before = world.state();
    let bytes = library_with("(memory 16 4) (table 3 0)", r#""self.so" "dependency.so" "self.so""#);
    fs::write(world.path("self.so"), bytes).expect("written");
    let library = world.runtime.open_library(&world.path("self.so"), Flags::NOW).expect("it loads");
    assert_eq!(world.runtime.libraries().len(), before.libraries.len() + 2);
    world.runtime.close_library(library).expect("it closes");
    assert_eq!(world.state(), before);
}
