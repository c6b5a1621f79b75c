//! Random graphs of libraries, and random scripts over them, beside glibc.
//!
//! A seed makes up to eight libraries that need each other, in circles too, define and ask for some
//! of the same names, and a script of `dlopen`, `dlclose` and `dlsym` that `tests/dlfcn/graphs.c`
//! runs. A seed that is *wide* also has libraries that are not there, weak references, preloads,
//! exit handlers, and constructors, destructors and handlers that run scripts themselves. One that is
//! *full* opens and closes the main program too, asks `dladdr`, `dlinfo` and `dl_iterate_phdr`, gives
//! flags that are refused, and opens a library inside destructors. What glibc
//! printed for some seeds stands in `tests/dlfcn/graphs.txt`. With gcc at hand
//! `GRAPHS=0..1000 cargo test --test graphs` compares with glibc itself, each seed in all three ways,
//! and `GRAPHS_RECORD=` in front of it records the file's seeds again, and these.

use std::collections::BTreeSet;
use std::fmt::{self, Write as _};
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Names that libraries define together: `s0` to `s3`.
const SHARED: u32 = 4;
/// The library that is needed and is not there.
const NOWHERE: u32 = 9;

/// What glibc says of itself where a destructor that `dlclose` runs finds a symbol of what is on its
/// way out, which then is to stay and to go.
const GLIBC_FAILS: &str = "Inconsistency detected by ld.so";

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
    /// Whether that reference is a weak one.
    is_weak: bool,
}

struct World {
    libraries: Vec<Library>,
    script: String,
    /// What constructors, destructors and exit handlers do.
    hooks: String,
    preloads: Vec<u32>,
}

/// Where a world comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Seed {
    number: u64,
    kind: Kind,
}

/// How much of what there is a world has: each kind has what those before it have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Plain,
    Wide,
    Full,
}

impl Kind {
    const ALL: [Kind; 3] = [Kind::Plain, Kind::Wide, Kind::Full];

    /// What stands behind a seed's number.
    fn suffix(self) -> &'static str {
        match self {
            Kind::Plain => "",
            Kind::Wide => " wide",
            Kind::Full => " full",
        }
    }
}

impl fmt::Display for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.number, self.kind.suffix())
    }
}

impl Seed {
    fn parse(text: &str) -> Seed {
        let (number, _) = text.split_once(' ').unwrap_or((text, ""));
        let is_it = |kind: &Kind| &text[number.len()..] == kind.suffix();
        let kind = Kind::ALL.into_iter().find(is_it).expect("a kind of seeds");
        Seed { number: number.parse().expect("a number"), kind }
    }
}

impl World {
    fn of_seed(seed: Seed) -> World {
        let mut random = Random(seed.number.wrapping_mul(0x1000_0001));
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
        let mut world = World { libraries, script, hooks: String::new(), preloads: Vec::new() };
        if seed.kind >= Kind::Wide {
            world.widen(&mut Random(seed.number.wrapping_mul(0x2000_0003) + 1));
        }
        if seed.kind == Kind::Full {
            world.fill(&mut Random(seed.number.wrapping_mul(0x4000_0007) + 2));
        }
        world
    }

    /// Adds what plain worlds do not have.
    fn widen(&mut self, random: &mut Random) {
        let count = self.libraries.len() as u32;
        for name in 0..count {
            let library = &mut self.libraries[name as usize];
            library.is_weak = random.is_one_in(4);
            if random.is_one_in(16) {
                library.needed.push(NOWHERE);
            }
            for (kind, bound) in [('+', 3), ('-', 4)] {
                if random.is_one_in(bound) {
                    let commands = commands(random, count, 1);
                    write!(self.hooks, "{kind}{name}{commands};").expect("a string takes all text");
                }
            }
        }
        for handler in 0..random.below(3) {
            let commands = commands(random, count, 2);
            write!(self.hooks, "!{handler}{commands};").expect("a string takes all text");
            write!(self.script, "A{handler}").expect("a string takes all text");
        }
        self.script.push_str(&commands(random, count, 6));
        if random.is_one_in(5) {
            self.preloads = (0..=random.below(2)).map(|_| random.below(count)).collect();
            self.preloads.dedup();
        }
    }

    /// Adds what wide worlds do not have.
    fn fill(&mut self, random: &mut Random) {
        // It has to do with no other one: so it can be opened while others are on their way out.
        let alone = self.libraries.len() as u32;
        self.libraries.push(Library {
            needed: Vec::new(),
            defines: BTreeSet::new(),
            calls: None,
            is_weak: false,
        });
        let mut hooks = String::new();
        for name in 0..=alone {
            for (kind, bound) in [('+', 4), ('-', 3)] {
                if random.is_one_in(bound) {
                    let commands = self.full_commands(random, 1);
                    write!(hooks, "{kind}{name}{commands};").expect("a string takes all text");
                }
            }
        }
        self.hooks.push_str(&hooks);
        self.script.push_str(&self.full_commands(random, 8));
    }

    /// Some commands, `least` or up to twice as many, most of which are those of full worlds.
    fn full_commands(&self, random: &mut Random, least: u32) -> String {
        let alone = self.libraries.len() as u32 - 1;
        let least = least + random.below(least + 1);
        let command = |_| {
            let name = random.below(alone + 1);
            let shared = random.below(SHARED);
            match random.below(22) {
                0..3 => format!("0{}", b"zngpldbZxy"[random.below(10) as usize] as char),
                3..6 => "1".to_owned(),
                6 => format!("2{shared}"),
                7 => "3".to_owned(),
                8 => "4".to_owned(),
                9..11 => format!("I{name}{shared}"),
                11 => format!("J{name}"),
                12 => format!("M{name}"),
                13 => format!("X{name}"),
                14..16 => format!("O{alone}{}", b"nngdGBZy"[random.below(8) as usize] as char),
                16 => format!("c{alone}"),
                17 if self.preloads.is_empty() => format!("N{name}"),
                17 => {
                    format!("K{}", self.preloads[random.below(self.preloads.len() as u32) as usize])
                }
                18..20 => format!("o{name}{}", b"ngPZxy"[random.below(6) as usize] as char),
                20 => format!("c{name}"),
                _ => format!("D{shared}"),
            }
        };
        (0..least).map(command).collect()
    }
}

/// Some commands, `least` or up to twice as many.
fn commands(random: &mut Random, count: u32, least: u32) -> String {
    let least = least + random.below(least + 1);
    let command = |_| {
        let name = random.below(count);
        let shared = random.below(SHARED);
        match random.below(10) {
            0..3 => format!("o{name}{}", b"nnggdGLBpb"[random.below(10) as usize] as char),
            3..6 => format!("c{name}"),
            6 => format!("E{name}"),
            7 => format!("F{name}"),
            8 => format!("s{name}{shared}"),
            _ => format!("D{shared}"),
        }
    };
    (0..least).map(command).collect()
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
    Library { needed, defines, calls, is_weak: false }
}

/// The library as a module.
fn text(name: u32, library: &Library) -> String {
    let needed: String = library.needed.iter().map(|it| format!(" \"lib{it}.so\"")).collect();
    let (mut info, mut import, mut f) = (String::new(), String::new(), "(i32.const -1)");
    if let Some(shared) = library.calls {
        import = format!(r#"(import "env" "s{shared}" (func $called (result i32)))"#);
        f = "(call $called)";
        if library.is_weak {
            info = format!(r#"(import-info "env" "s{shared}" binding-weak undefined)"#);
            let pointer = format!(r#"(import "GOT.func" "s{shared}" (global $pointer (mut i32)))"#);
            import.push_str(&pointer);
            f = "(if (result i32) (global.get $pointer) (then (call $called)) (else (i32.const -2)))";
        }
    }
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
        r#"(module (@dylink.0 (mem-info (memory 16 4) (table 1 0)) (needed{needed}) {info})
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
        (func (export "default{name}") (result i32)
            (call $say_next (i32.const {name}) (call $dlsym (i32.const 0) (global.get $memory))))
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
    for name in &world.preloads {
        command.arg("--preload").arg(dir.path().join(format!("lib{name}.so")));
    }
    command.arg(root.join("tests/dlfcn/graphs.wasm")).args([&world.script, &world.hooks]);
    output(command)
}

fn output(mut command: Command) -> String {
    let output = command.stdin(Stdio::null()).output().expect("it starts");
    let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
    match output.status.code() {
        Some(0) => {}
        Some(127) if text.is_empty() => text.push_str("not started\n"),
        _ => {
            let stderr = String::from_utf8_lossy(&output.stderr);
            writeln!(text, "[{}] {stderr}", output.status).expect("a string takes all text");
        }
    }
    text
}

/// What was made with gcc: the program, and what each library can be linked of.
struct Native(tempfile::TempDir);

impl Native {
    fn new() -> Native {
        let native = Native(tempfile::tempdir().expect("a directory"));
        let mut sources: Vec<(String, String)> = Vec::new();
        for name in 0..NOWHERE {
            let asked = name % SHARED;
            let base = format!(
                "void say_plus(int), say_minus(int); int say_next(int, void *); void *dlsym(void *, const char *);\
                 __attribute__((constructor)) static void c(void) {{ say_plus({name}); }}\
                 __attribute__((destructor)) static void d(void) {{ say_minus({name}); }}\
                 int next{name}(void) {{ return say_next({name}, dlsym((void *)-1, \"s{asked}\")) + 0; }}\
                 int default{name}(void) {{ return say_next({name}, dlsym((void *)0, \"s{asked}\")) + 0; }}"
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
                let call = format!(
                    "__attribute__((weak)) int s{shared}(void);\
                     int f{name}(void) {{ return s{shared} ? s{shared}() + 0 : -2; }}"
                );
                sources.push((format!("f{name}_{shared}_weak"), call));
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
        for name in 0..=NOWHERE {
            let mut ld = Command::new("ld");
            ld.args(["-shared", "-o"]).arg(native.path(&format!("stubs/lib{name}.so")));
            assert!(
                ld.arg(native.path(&format!("base{}.o", name % NOWHERE)))
                    .status()
                    .expect("ld")
                    .success()
            );
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
            let weak = if library.is_weak { "_weak" } else { "" };
            let f =
                library.calls.map_or(format!("f{name}.o"), |it| format!("f{name}_{it}{weak}.o"));
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
        command.env("LD_LIBRARY_PATH", dir.path()).args([&world.script, &world.hooks]);
        // What is there at start is bound then, as here.
        command.env("LD_BIND_NOW", "1");
        if !world.preloads.is_empty() {
            let preloads = world.preloads.iter().map(|name| format!("lib{name}.so"));
            command.env("LD_PRELOAD", preloads.collect::<Vec<_>>().join(":"));
        }
        output(command)
    }
}

fn recorded() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/dlfcn/graphs.txt")
}

/// The seeds of `GRAPHS`, each in all ways.
fn live_seeds() -> Option<Vec<Seed>> {
    let text = std::env::var("GRAPHS").ok()?;
    let (from, to) = text.split_once("..").expect("`GRAPHS` is FROM..TO");
    let numbers: Range<u64> = from.parse().expect("a number")..to.parse().expect("a number");
    Some(numbers.flat_map(|number| Kind::ALL.map(|kind| Seed { number, kind })).collect())
}

/// The seeds whose output is recorded, with it.
fn recorded_seeds() -> Vec<(Seed, String)> {
    let text = fs::read_to_string(recorded()).expect("tests/dlfcn/graphs.txt is there");
    let parts = text.split("seed ").skip(1);
    let seed = |part: &str| {
        let (seed, expected) = part.split_once('\n').expect("a line of its own");
        (Seed::parse(seed), expected.to_owned())
    };
    parts.map(seed).collect()
}

#[track_caller]
fn check(seed: Seed, expected: &str, differences: &mut Vec<String>) {
    let world = World::of_seed(seed);
    let found = run(&world);
    if found != expected {
        let libraries: String = (0..)
            .zip(&world.libraries)
            .map(|(name, it): (u32, _)| {
                format!(
                    "  {name} needs {:?} defines {:?} calls {:?}{}\n",
                    it.needed,
                    it.defines,
                    it.calls,
                    if it.is_weak { " weakly" } else { "" }
                )
            })
            .collect();
        let World { script, hooks, preloads, .. } = &world;
        differences.push(format!(
            "seed {seed}: {script} {hooks:?} preloads {preloads:?}\n\
             {libraries}glibc:\n{expected}dynvm:\n{found}"
        ));
    }
}

#[test]
fn what_glibc_printed() {
    let mut differences = Vec::new();
    let seeds = recorded_seeds();
    for (seed, expected) in &seeds {
        check(*seed, expected, &mut differences);
    }
    let count = seeds.len();
    assert!(count >= 60, "{count} seeds are recorded");
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

#[test]
fn what_glibc_prints() {
    let Some(seeds_given) = live_seeds() else { return };
    let native = Native::new();
    if std::env::var_os("GRAPHS_RECORD").is_some() {
        let mut seeds: BTreeSet<Seed> =
            recorded_seeds().into_iter().map(|(seed, _)| seed).collect();
        seeds.extend(seeds_given);
        let record = |seed: &Seed| format!("seed {seed}\n{}", native.run(&World::of_seed(*seed)));
        fs::write(recorded(), seeds.iter().map(record).collect::<String>()).expect("written");
        return;
    }
    let (mut differences, mut failed) = (Vec::new(), 0);
    for seed in &seeds_given {
        let expected = native.run(&World::of_seed(*seed));
        if expected.contains(GLIBC_FAILS) {
            eprintln!("seed {seed}: glibc fails itself");
            failed += 1;
        } else {
            check(*seed, &expected, &mut differences);
        }
    }
    assert!(failed <= 1 + seeds_given.len() / 100, "glibc fails {failed} times");
    let shown = differences.iter().take(8).cloned().collect::<Vec<_>>().join("\n");
    let count = seeds_given.len();
    assert!(differences.is_empty(), "{} of {count} differ:\n{shown}", differences.len());
}
