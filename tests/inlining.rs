//! Inlining from outside: a program cannot tell it from calls, whatever becomes of its libraries.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use tempfile::TempDir;

/// A directory of libraries and programs, with a cache of its own.
struct World {
    directory: TempDir,
}

/// How a program ended: its exit status, and what stands on its standard error.
struct Ended {
    status: i32,
    stderr: String,
}

impl Ended {
    /// What the statistics say was inlined while the program was loaded.
    #[track_caller]
    fn inlined(&self) -> usize {
        let words: Vec<&str> = self.stderr.split_whitespace().collect();
        let at = words.windows(2).position(|found| found == ["calls", "inlined"]);
        let at = at.unwrap_or_else(|| panic!("no statistics: {}", self.stderr));
        words[at - 1].parse().expect("a number")
    }
}

impl World {
    fn new(modules: &[(&str, &str)]) -> Self {
        let world = World { directory: tempfile::tempdir().expect("a directory") };
        for (name, text) in modules {
            world.write(name, text);
        }
        world
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.directory.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        let binary = wat::parse_str(text).unwrap_or_else(|error| panic!("{name}: {error}"));
        fs::write(self.path(name), binary).expect("it is written");
    }

    /// Runs `main.wasm`, compiled all at once, with the cache.
    #[track_caller]
    fn run(&self, arguments: &[&str]) -> Ended {
        self.run_as(&[&["--compile", "eager"], arguments].concat())
    }

    #[track_caller]
    fn run_as(&self, arguments: &[&str]) -> Ended {
        let mut command = Command::new(env!("CARGO_BIN_EXE_dynvm"));
        command.env_remove("DYNVM_DEBUG").env("DYNVM_CACHE", self.path("cache"));
        command.current_dir(self.directory.path()).arg("--stats").args(arguments);
        let dir = format!("{}::/", self.directory.path().display());
        let output = command.args(["--dir", &dir, "main.wasm"]).stdin(Stdio::null()).output();
        let output = output.expect("dynvm starts");
        let stderr = String::from_utf8(output.stderr).expect("text");
        let status = output.status.code().unwrap_or_else(|| panic!("it was killed: {stderr}"));
        Ended { status, stderr }
    }

    fn entries(&self) -> usize {
        let is_code = |path: &Path| path.extension() == Some("code".as_ref());
        let entries = fs::read_dir(self.path("cache")).expect("the cache is there");
        entries.filter(|entry| is_code(&entry.as_ref().expect("it can be read").path())).count()
    }
}

/// Without code in the cache, with it, without inlining, and with code that is made when it is called.
const WAYS: [&[&str]; 4] = [
    &["--compile=eager"],
    &["--compile=eager"],
    &["--compile=eager", "--inline=off"],
    &["--compile=optimizing", "--no-cache"],
];

/// Exits with what `value` of a library gives.
const MAIN: &str = r#"(module (@dylink.0 (mem-info) (needed "liba.so"))
  (import "env" "memory" (memory 0))
  (import "env" "value" (func $value (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (func (export "_start") (call $exit (call $value))))"#;

/// A library whose `value` is this number.
fn library(value: i32) -> String {
    format!(
        r#"(module (@dylink.0 (mem-info)) (func (export "value") (result i32) (i32.const {value})))"#
    )
}

/// A library whose `value` is another library's, and one.
const MIDDLE: &str = r#"(module (@dylink.0 (mem-info) (needed "libb.so"))
  (import "env" "b_value" (func $b_value (result i32)))
  (func (export "value") (result i32) (i32.add (call $b_value) (i32.const 1))))"#;

fn end_of_chain(body: &str) -> String {
    format!(r#"(module (@dylink.0 (mem-info)) (func $b (export "b_value") (result i32) {body}))"#)
}

#[test]
fn a_changed_library_is_the_new_code_with_a_warm_cache() {
    let world = World::new(&[("main.wasm", MAIN), ("liba.so", &library(11))]);
    let cold = world.run(&[]);
    assert_eq!((cold.status, cold.inlined()), (11, 1), "{}", cold.stderr);
    let warm = world.run(&[]);
    assert_eq!((warm.status, warm.inlined()), (11, 0), "{}", warm.stderr);
    world.write("liba.so", &library(12));
    assert_eq!(world.run(&[]).status, 12);
    assert_eq!(world.run_as(&["--compile", "lazy"]).status, 12);
    world.write("liba.so", &library(11));
    let back = world.run(&[]);
    assert_eq!((back.status, back.inlined()), (11, 0), "{}", back.stderr);
}

#[test]
fn so_is_one_whose_code_came_through_another() {
    let chain = [("main.wasm", MAIN), ("liba.so", MIDDLE), ("libb.so", "(module)")];
    let world = World::new(&chain);
    world.write("libb.so", &end_of_chain("(i32.const 20)"));
    let cold = world.run(&[]);
    assert_eq!((cold.status, cold.inlined()), (21, 3), "{}", cold.stderr);
    world.write("libb.so", &end_of_chain("(i32.const 30)"));
    assert_eq!(world.run(&[]).status, 31);
}

/// Without inlining, only what changed is compiled again: with it, what it may be part of is too.
#[test]
fn only_what_may_have_inlined_it_is_compiled_again() {
    let world = World::new(&[("main.wasm", MAIN), ("liba.so", &library(1))]);
    for (option, entries) in [("--inline=on", 4), ("--inline=off", 7)] {
        world.write("liba.so", &library(1));
        assert_eq!(world.run(&[option]).status, 1);
        world.write("liba.so", &library(2));
        assert_eq!(world.run(&[option]).status, 2);
        assert_eq!(world.entries(), entries, "{option}");
    }
    assert_eq!(world.run(&["--no-cache", "--inline=off"]).inlined(), 0);
    assert_eq!(world.run(&["--no-cache", "--inline=on"]).inlined(), 1);
}

#[test]
fn lazily_compiled_functions_inline_too() {
    let world = World::new(&[("main.wasm", MAIN), ("liba.so", &library(3))]);
    let ended = world.run_as(&["--compile", "optimizing", "--no-cache"]);
    assert_eq!((ended.status, ended.inlined()), (3, 1), "{}", ended.stderr);
}

#[test]
fn an_interposed_function_is_the_one_that_is_inlined() {
    let world = World::new(&[("main.wasm", MAIN), ("liba.so", &library(1))]);
    world.write("libover.so", &library(2));
    let preload = ["--preload", "libover.so"];
    for _ in 0..2 {
        assert_eq!(world.run(&[]).status, 1);
        assert_eq!(world.run(&preload).status, 2);
    }
    assert_eq!(world.run(&[&preload[..], &["--no-cache"]].concat()).inlined(), 1);
    // One whose type differs is as much of an error as it is when it is called.
    world.write(
        "libover.so",
        r#"(module (@dylink.0 (mem-info)) (func (export "value") (result i64) (i64.const 2)))"#,
    );
    let refused = world.run(&preload);
    assert_eq!(refused.status, 127);
    assert!(refused.stderr.contains("`value`"), "{}", refused.stderr);
}

/// A library that nobody provides may come later: the call stays one.
#[test]
fn what_is_bound_when_it_is_called_is_not_inlined() {
    let world = World::new(&[("main.wasm", MAIN)]);
    world.write("liba.so", "(module (@dylink.0 (mem-info)))");
    let ended = world.run(&["--bind", "lazy"]);
    assert_eq!((ended.status, ended.inlined()), (134, 0), "{}", ended.stderr);
    assert!(
        ended.stderr.contains("undefined symbol: `value` (needed by main.wasm)"),
        "{}",
        ended.stderr
    );
}

/// From the cache as from the compiler, and with inlining as without.
#[test]
fn backtraces_name_what_was_inlined() {
    let world = World::new(&[("main.wasm", MAIN), ("liba.so", MIDDLE)]);
    world.write("libb.so", &end_of_chain("(i32.div_s (i32.const 1) (i32.const 0))"));
    let expected = "dynvm: wasm trap: integer divide by zero\n  #0 libb.so!b+0x5\n  \
                    #1 liba.so!value+0x1\n  #2 main.wasm!_start+0x1\n";
    for options in WAYS {
        let ended = world.run_as(options);
        assert_eq!(ended.status, 134, "{}", ended.stderr);
        assert!(ended.stderr.contains(expected), "{options:?}: {}", ended.stderr);
    }
}

/// A program that exits with what `body` leaves; the names of libraries are at 1040, 1056 and so on.
fn opener(names: &[&str], body: &str) -> String {
    let mut data = String::from(r#"(data (i32.const 1024) "value\00")"#);
    for (position, name) in names.iter().enumerate() {
        data += &format!(r#"(data (i32.const {}) "{name}\00")"#, 1040 + 16 * position);
    }
    format!(
        r#"(module
          (import "env" "dlopen" (func $dlopen (param i32 i32) (result i32)))
          (import "env" "dlsym" (func $dlsym (param i32 i32) (result i32)))
          (import "env" "dlclose" (func $dlclose (param i32) (result i32)))
          (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
          (memory (export "memory") 2) (table (export "__indirect_function_table") 1 funcref)
          {data}
          (func $open (param i32) (result i32) (call $dlopen (local.get 0) (i32.const 258)))
          (func $value (param i32) (result i32)
            (call_indirect (result i32) (call $dlsym (local.get 0) (i32.const 1024))))
          (func $open_once (param i32) (result i32) (local i32)
            (local.set 0 (call $open (local.get 0)))
            (local.set 1 (call $value (local.get 0)))
            (drop (call $dlclose (local.get 0)))
            (local.get 1))
          (func $run (result i32) (local i32 i32) {body})
          (func (export "_start") (call $exit (call $run))))"#
    )
}

#[test]
fn a_closed_library_leaves_nothing_in_the_next() {
    let body = "(local.set 0 (call $open_once (i32.const 1040)))
                (local.set 0 (i32.add (i32.mul (local.get 0) (i32.const 6)) (call $open_once (i32.const 1056))))
                (i32.add (i32.mul (local.get 0) (i32.const 6)) (call $open_once (i32.const 1040)))";
    let main = opener(&["liba.so", "libc.so"], body);
    let world = World::new(&[("main.wasm", &main), ("liba.so", MIDDLE)]);
    world.write("libb.so", &end_of_chain("(i32.const 1)"));
    world.write("libc.so", &MIDDLE.replace("libb.so", "libd.so"));
    world.write("libd.so", &end_of_chain("(i32.const 3)"));
    for options in WAYS {
        let ended = world.run_as(options);
        assert_eq!(ended.status, (2 * 6 + 4) * 6 + 2, "{options:?}: {}", ended.stderr);
    }
}

/// `libb.so` is closed, but `liba.so` has its code: a trap there is still named.
#[test]
fn what_was_inlined_is_held() {
    let body =
        "(local.set 0 (call $open (i32.const 1040))) (local.set 1 (call $open (i32.const 1056)))
                (drop (call $dlclose (local.get 0))) (call $value (local.get 1))";
    let world = World::new(&[("main.wasm", &opener(&["libb.so", "liba.so"], body))]);
    world.write("liba.so", &MIDDLE.replace(r#"(needed "libb.so")"#, ""));
    world.write("libb.so", &end_of_chain("(i32.const 5)"));
    let ended = world.run(&[]);
    assert_eq!(ended.status, 6, "{}", ended.stderr);
    world.write("libb.so", &end_of_chain("(i32.div_s (i32.const 1) (i32.const 0))"));
    for _ in 0..2 {
        let ended = world.run(&[]);
        assert_eq!(ended.status, 134, "{}", ended.stderr);
        let expected = "  #0 libb.so!b+0x5\n  #1 liba.so!value+0x1\n";
        assert!(ended.stderr.contains(expected), "{}", ended.stderr);
    }
}
