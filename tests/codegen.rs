//! What machine code a linked function becomes. Each `tests/codegen/NAME.wat` is a program; it is
//! loaded with the libraries that it needs (`tests/codegen/lib/`), and what is shown of it must be
//! what stands at the end of the file.
//!
//! ```text
//! ;;! asm: inside across     the instructions of these functions of main
//! ;;! asm: libx.so!f         … and of this one of a library
//! ;;! clif: read             Cranelift's IR after optimization
//! ;;! same: inside across    the instructions are equal but for the callee's name
//! ;;! inline: on             small functions become part of their callers, which they do not otherwise
//! ```
//! `BLESS=1 cargo test --test codegen` rewrites the expected text; review the difference.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{env, fs};

use dynvm::jit::{Compiler, Settings, Unit};
use dynvm::vm::instance::Instance;
use dynvm::vm::module::Entity;
use dynvm::vm::types::DefinedFuncIndex;
use dynvm::{Options, Runtime};

const MARK: &str = ";;= expected\n";

macro_rules! cases {
    ($($name:ident)*) => {
        $(#[test] fn $name() { check(stringify!($name)); })*
        #[test]
        fn every_file_is_a_test() {
            let mut files: Vec<String> = fs::read_dir(folder()).expect("the folder is there")
                .map(|entry| entry.expect("it can be read").path())
                .filter(|path| path.extension().is_some_and(|ending| ending == "wat"))
                .map(|path| path.file_stem().expect("a name").to_string_lossy().into_owned())
                .collect();
            files.sort();
            let mut tests = vec![$(stringify!($name)),*];
            tests.sort_unstable();
            assert_eq!(files, tests);
        }
    };
}

cases! {
    direct_call indirect_call typed_call data globals memory missing_weak host_call exceptions
    objects inlined near short_copy loops
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/codegen")
}

#[track_caller]
fn check(name: &str) {
    let path = folder().join(name).with_extension("wat");
    let text = fs::read_to_string(&path).expect("the program is there");
    let (source, expected) = text.split_once(MARK).unwrap_or((&text, ""));
    let found = show(source);
    if env::var_os("BLESS").is_some() {
        fs::write(&path, format!("{source}{MARK}{found}")).expect("the file is written");
        return;
    }
    assert_eq!(found, expected, "{name}: `BLESS=1 cargo test --test codegen` accepts it");
}

/// All that the directives of `source` ask for, as comments of the text format.
fn show(source: &str) -> String {
    let mut program = Program::load(source);
    let mut shown = String::new();
    for line in source.lines() {
        let Some((kind, names)) = line.strip_prefix(";;! ").and_then(|it| it.split_once(": "))
        else {
            continue;
        };
        let names: Vec<&str> = names.split_whitespace().collect();
        match kind {
            "asm" | "clif" => {
                for name in names {
                    let text = program.function(kind, name);
                    write!(shown, ";; {kind} {name}\n{}", comment(&text)).expect("it is a string");
                }
            }
            "inline" => assert_eq!(names, ["on"]),
            "same" => {
                let [first, second] = names[..] else { panic!("`same` takes two functions") };
                let texts = [first, second].map(|name| program.function("asm", name));
                let texts = texts.map(|text| without_callees(&text));
                assert_eq!(texts[0], texts[1], "`{first}` and `{second}`");
            }
            other => panic!("unknown directive `{other}`"),
        }
    }
    shown
}

fn comment(text: &str) -> String {
    text.lines().map(|line| format!(";;   {line}").trim_end().to_owned() + "\n").collect()
}

/// Instructions without the names and numbers of who is called.
fn without_callees(text: &str) -> String {
    let line = |line: &str| match line.split_once("call    ") {
        Some((before, callee)) if !callee.starts_with('*') => format!("{before}call\n"),
        _ => format!("{line}\n"),
    };
    text.lines().map(line).collect()
}

struct Program {
    runtime: Runtime,
    compiler: Compiler,
    _folder: tempfile::TempDir,
}

impl Program {
    fn load(source: &str) -> Self {
        let target = tempfile::tempdir().expect("a directory for the modules");
        let binary = wat::parse_str(source).expect("the program is well-formed");
        let main = target.path().join("main.wasm");
        fs::write(&main, binary).expect("the program is written");
        for entry in fs::read_dir(folder().join("lib")).expect("the libraries are there") {
            let path = entry.expect("it can be read").path();
            let name = path.file_stem().expect("a name");
            let binary = wat::parse_file(&path).expect("the library is well-formed");
            fs::write(target.path().join(name).with_extension("so"), binary).expect("written");
        }
        let runtime = Runtime::open(&main, &Options::default()).expect("it loads");
        let is_inlining = source.lines().any(|line| line == ";;! inline: on");
        let settings = Settings { is_inlining, ..Settings::default() };
        let compiler = Compiler::new(&settings).expect("this processor will do");
        Program { runtime, compiler, _folder: target }
    }

    /// The code of `function` or `dso!function`.
    fn function(&mut self, kind: &str, name: &str) -> String {
        let (dso, name) = name.split_once('!').unwrap_or(("main.wasm", name));
        let instance = self.instance(dso);
        let module = &instance.module;
        let Some(Entity::Func(func)) = module.export(name) else {
            panic!("`{dso}` exports no function `{name}`");
        };
        let defined: DefinedFuncIndex = module.defined_func(func).expect("it is defined there");
        let unit = Unit::new(self.runtime.loader().process(), instance.id);
        let text = match kind {
            "asm" => self.compiler.asm(&unit, defined),
            _ => self.compiler.clif(&unit, defined),
        };
        text.expect("it compiles")
    }

    fn instance(&mut self, dso: &str) -> Arc<Instance> {
        let loader = self.runtime.loader();
        let id = loader
            .with_link_map(|map| map.iter().find(|it| &*it.name == dso).and_then(|it| it.instance));
        let id = id.unwrap_or_else(|| panic!("`{dso}` is not loaded"));
        Arc::clone(loader.process().instance(id))
    }
}
