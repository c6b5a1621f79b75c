//! Random graphs of libraries, and random scripts over them, beside glibc.
//!
//! A seed makes up to eight libraries that need each other, in circles too, define and ask for some
//! of the same names, and a script of `dlopen`, `dlclose` and `dlsym` that `tests/dlfcn/graphs.c`
//! runs. What glibc printed for the first seeds stands in `tests/dlfcn/graphs.txt`. With gcc at
//! hand `GRAPHS=0..1000 cargo test --test graphs` compares with glibc itself, and `GRAPHS_RECORD=`
//! in front of it rewrites the file.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Names that libraries define together: `s0` to `s3`.
const SHARED: u32 = 4;

/// Splitmix64.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u32) -> u32 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % u64::from(bound)) as u32
    }

    fn is_one_in(&mut self, bound: u32) -> bool {
        self.below(bound) == 0
    }
}

struct Library {
    needed: Vec<u32>,
    defines: BTreeSet<u32>,
    /// The shared name that its `f` calls.
    calls: Option<u32>,
}

struct World {
    libraries: Vec<Library>,
    script: String,
}

impl World {
    fn of_seed(seed: u64) -> World {
        let mut random = Random(seed.wrapping_mul(0x1000_0001));
        let count = 2 + random.below(7);
        let libraries = (0..count).map(|name| library(&mut random, name, count)).collect();
        let mut script = String::new();
        for _ in 0..6 + random.below(14) {
            let name = random.below(count);
            let shared = random.below(SHARED);
            match random.below(14) {
                0..5 => {
                    let mode = b"nnnnnggggdlpbn"[random.below(14) as usize] as char;
                    write!(script, "o{name}{mode}")
                }
                5..9 => write!(script, "c{name}"),
                9 => write!(script, "s{name}{shared}"),
                10 => write!(script, "F{name}"),
                11 => write!(script, "X{name}"),
                12 => write!(script, "D{shared}"),
                _ => write!(script, "N{name}"),
            }
            .expect("a string takes all text");
        }
        World { libraries, script }
    }
}

fn library(random: &mut Random, name: u32, count: u32) -> Library {
    let mut needed = Vec::new();
    for _ in 0..random.below(4) {
        // Mostly later ones; now and then a circle.
        let other = random.below(count);
        if other != name && (other > name || random.is_one_in(5)) && !needed.contains(&other) {
            needed.push(other);
        }
    }
    let defines = (0..SHARED).filter(|_| random.is_one_in(2)).collect();
    let calls = (!random.is_one_in(3)).then(|| random.below(SHARED));
    Library { needed, defines, calls }
}

/// The library as a module.
fn text(name: u32, library: &Library) -> String {
    let needed: String = library.needed.iter().map(|it| format!(" \"lib{it}.so\"")).collect();
    let import = library.calls.map_or(String::new(), |shared| {
        format!(r#"(import "env" "s{shared}" (func $called (result i32)))"#)
    });
    let f = if library.calls.is_some() { "(call $called)" } else { "(i32.const -1)" };
    let asked = name % SHARED;
    let defined: String = library
        .defines
        .iter()
        .map(|shared| {
            let value = name * 10 + shared;
            format!(r#"(func (export "s{shared}") (result i32) (i32.const {value}))"#)
        })
        .collect();
    format!(
        r#"(module (@dylink.0 (mem-info (memory 16 4) (table 1 0)) (needed{needed}))
        (import "env" "memory" (memory 0)) (import "env" "__indirect_function_table" (table 1 funcref))
        (import "env" "__memory_base" (global $memory i32)) (import "env" "__table_base" (global $table i32))
        (import "env" "say_plus" (func $plus (param i32))) (import "env" "say_minus" (func $minus (param i32)))
        (import "env" "say_next" (func $say_next (param i32 i32) (result i32)))
        (import "env" "dlsym" (func $dlsym (param i32 i32) (result i32)))
        (import "env" "__cxa_atexit" (func $register (param i32 i32 i32) (result i32)))
        {import}
        (elem (global.get $table) $destruct) (data (global.get $memory) "s{asked}\00")
        (func $destruct (param i32) (call $minus (i32.const {name})))
        (func (export "__wasm_call_ctors") (call $plus (i32.const {name}))
            (drop (call $register (global.get $table) (i32.const 0) (global.get $memory))))
        (func (export "f{name}") (result i32) {f})
        (func (export "next{name}") (result i32)
            (call $say_next (i32.const {name}) (call $dlsym (i32.const -1) (global.get $memory))))
        {defined})"#
    )
}

/// What the script prints here.
fn run(world: &World) -> String {
    let dir = tempfile::tempdir().expect("a directory");
    for (name, library) in (0..).zip(&world.libraries) {
        let bytes = wat::parse_str(text(name, library)).unwrap_or_else(|error| panic!("{error}"));
        fs::write(dir.path().join(format!("lib{name}.so")), bytes).expect("written");
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut command = Command::new(env!("CARGO_BIN_EXE_dynvm"));
    command.env("DYNVM_CACHE", concat!(env!("CARGO_TARGET_TMPDIR"), "/cache"));
    command.env_remove("DYNVM_LIBRARY_PATH").env_remove("DYNVM_DEBUG");
    command.arg("-L").arg(dir.path()).arg("-L").arg(root.join("examples/libc"));
    command.arg(root.join("tests/dlfcn/graphs.wasm")).arg(&world.script);
    output(command)
}

fn output(mut command: Command) -> String {
    let output = command.stdin(Stdio::null()).output().expect("it starts");
    let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
    if !output.status.success() {
        let stderr = String::from_utf8_lossy(&output.stderr);
        writeln!(text, "[{}] {stderr}", output.status).expect("a string takes all text");
    }
    text
}

/// What was made with gcc: the program, and what each library can be linked of.
struct Native(tempfile::TempDir);

impl Native {
    fn new() -> Native {
        let native = Native(tempfile::tempdir().expect("a directory"));
        let mut sources: Vec<(String, String)> = Vec::new();
        for name in 0..9 {
            let asked = name % SHARED;
            let base = format!(
                "void say_plus(int), say_minus(int); int say_next(int, void *); void *dlsym(void *, const char *);\
                 __attribute__((constructor)) static void c(void) {{ say_plus({name}); }}\
                 __attribute__((destructor)) static void d(void) {{ say_minus({name}); }}\
                 int next{name}(void) {{ return say_next({name}, dlsym((void *)-1, \"s{asked}\")) + 0; }}"
            );
            sources.push((format!("base{name}"), base));
            sources.push((format!("f{name}"), format!("int f{name}(void) {{ return -1; }}")));
            for shared in 0..SHARED {
                let value = name * 10 + shared;
                let define = format!("int s{shared}(void) {{ return {value}; }}");
                sources.push((format!("s{name}_{shared}"), define));
                let call =
                    format!("int s{shared}(void); int f{name}(void) {{ return s{shared}() + 0; }}");
                sources.push((format!("f{name}_{shared}"), call));
            }
        }
        for (name, source) in &sources {
            fs::write(native.path(&format!("{name}.c")), source).expect("written");
        }
        let mut gcc = Command::new("gcc");
        gcc.current_dir(native.0.path()).args(["-c", "-fPIC", "-O1"]);
        gcc.args(["-fno-optimize-sibling-calls"]);
        gcc.args(sources.iter().map(|(name, _)| format!("{name}.c")));
        assert!(gcc.status().expect("gcc is there").success());
        fs::create_dir(native.path("stubs")).expect("created");
        for name in 0..9 {
            let mut ld = Command::new("ld");
            ld.args(["-shared", "-o"]).arg(native.path(&format!("stubs/lib{name}.so")));
            assert!(ld.arg(native.path(&format!("base{name}.o"))).status().expect("ld").success());
        }
        let mut gcc = Command::new("gcc");
        gcc.args(["-O1", "-D_GNU_SOURCE", "-fPIC", "-pie", "-rdynamic", "-o"]);
        gcc.arg(native.path("graphs"));
        gcc.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/dlfcn/graphs.c"));
        assert!(gcc.status().expect("gcc is there").success());
        native
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// What the script prints with glibc.
    fn run(&self, world: &World) -> String {
        let dir = tempfile::tempdir().expect("a directory");
        for (name, library) in (0u32..).zip(&world.libraries) {
            let mut ld = Command::new("ld");
            ld.args(["-shared", "--no-as-needed", "--hash-style=gnu", "-o"]);
            ld.arg(dir.path().join(format!("lib{name}.so")));
            ld.arg(self.path(&format!("base{name}.o")));
            let f = library.calls.map_or(format!("f{name}.o"), |it| format!("f{name}_{it}.o"));
            ld.arg(self.path(&f));
            for shared in &library.defines {
                ld.arg(self.path(&format!("s{name}_{shared}.o")));
            }
            ld.arg("-L").arg(self.path("stubs"));
            ld.args(library.needed.iter().map(|needed| format!("-l:lib{needed}.so")));
            ld.args(["--unresolved-symbols=ignore-all"]);
            assert!(ld.stderr(Stdio::null()).status().expect("ld is there").success());
        }
        let mut command = Command::new(self.path("graphs"));
        command.env("LD_LIBRARY_PATH", dir.path()).arg(&world.script);
        output(command)
    }
}

fn recorded() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/dlfcn/graphs.txt")
}

/// The seeds of `GRAPHS`.
fn live_seeds() -> Option<Range<u64>> {
    let text = std::env::var("GRAPHS").ok()?;
    let (from, to) = text.split_once("..").expect("`GRAPHS` is FROM..TO");
    Some(from.parse().expect("a number")..to.parse().expect("a number"))
}

#[track_caller]
fn check(seed: u64, expected: &str, differences: &mut Vec<String>) {
    let world = World::of_seed(seed);
    let found = run(&world);
    if found != expected {
        let libraries: String = (0..)
            .zip(&world.libraries)
            .map(|(name, it): (u32, _)| {
                format!(
                    "  {name} needs {:?} defines {:?} calls {:?}\n",
                    it.needed, it.defines, it.calls
                )
            })
            .collect();
        let script = &world.script;
        differences
            .push(format!("seed {seed}: {script}\n{libraries}glibc:\n{expected}dynvm:\n{found}"));
    }
}

#[test]
fn what_glibc_printed() {
    let mut differences = Vec::new();
    let text = fs::read_to_string(recorded()).expect("tests/dlfcn/graphs.txt is there");
    let mut count = 0;
    for part in text.split("seed ").skip(1) {
        let (seed, expected) = part.split_once('\n').expect("a line of its own");
        check(seed.parse().expect("a number"), expected, &mut differences);
        count += 1;
    }
    assert!(count >= 60, "{count} seeds are recorded");
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

#[test]
fn what_glibc_prints() {
    let Some(seeds) = live_seeds() else { return };
    let native = Native::new();
    let mut differences = Vec::new();
    let mut record = String::new();
    for seed in seeds.clone() {
        let expected = native.run(&World::of_seed(seed));
        if std::env::var_os("GRAPHS_RECORD").is_some() {
            write!(record, "seed {seed}\n{expected}").expect("a string takes all text");
            continue;
        }
        check(seed, &expected, &mut differences);
    }
    if !record.is_empty() {
        fs::write(recorded(), record).expect("written");
    }
    let shown = differences.iter().take(3).cloned().collect::<Vec<_>>().join("\n");
    assert!(differences.is_empty(), "{} of {seeds:?} differ:\n{shown}", differences.len());
}
