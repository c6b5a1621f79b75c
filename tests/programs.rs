//! Runs whole programs from outside, as a user would: each folder of `tests/programs` and
//! `examples` is one program, and the lines `//! key: value` at the top of one of its sources
//! say how it is run and what must come of it.
//!
//! ```text
//! run: --dir $TMP::/tmp main.wasm a "b c"   a command line of dynvm, run in the folder; what
//!                                           follows, up to the next `run`, belongs to it
//! env: KEY=VALUE                            in the environment of dynvm itself
//! stdin: one line
//! stdout: one line                          all of stdout, in so many lines
//! stderr: one line                          all of stderr
//! stderr-contains: a part                   instead: in stderr, whatever else is there
//! exit: 3                                   the exit status, where it is not 0
//! ```
//!
//! `$TMP` is a new folder that holds what the folder's `.wat` files assemble to (`libx.wat`:
//! `libx.so`, others: `x.wasm`), `$TOOLCHAIN` is where tools/fetch-toolchain.sh put the real
//! libraries. A last line without a newline ends in `[no newline]`. `BLESS=1` rewrites the lines
//! `stdout`, `stderr` and `exit`. The other keys are explained in tools/build-guests.sh.
//!
//! `DYNVM_COMPILE=eager` in the environment compiles all functions before a program starts, and
//! `DYNVM_TEST_UNCACHED=1` keeps what one run compiled from the next.
//!
//! The programs of `tests/programs-real` need the toolchain: `toolchain: base cxx py` names its
//! parts. Without them such a test says so and passes, unless `DYNVM_REQUIRE_TOOLCHAIN` is set.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::mpsc;
use std::time::Duration;

const TIME_LIMIT: Duration = Duration::from_secs(300);

macro_rules! programs {
    ($list:ident in $folder:literal: $($name:ident)*) => {
        const $list: &[&str] = &[$(stringify!($name)),*];
        $(#[test] fn $name() { check(&Path::new($folder).join(stringify!($name).replace("example_", ""))); })*
    };
}

programs! { EXAMPLES in "examples": example_hello example_plugin }

programs! { PROGRAMS in "tests/programs":
    arguments bad_input circular diamond dyninfo_hello exceptions exit_order files flat_dlfcn flat_hello flat_memory flat_modules flat_order
    flat_pointers function_pointers heap
    interposition legacy_dylink libc memory_stack missing_library missing_symbols no_start order_chain order_circle order_fan order_late
    order_layers order_listed order_shortcut plain plugins pointer_tables reactor
    relocations_first search shared_data simd sorting static_main tail_calls traps type_mismatch
    values virtual_calls weak_defined weak_undefined
}

programs! { PROGRAMS_REAL in "tests/programs-real":
    cxx_closing cxx_exceptions cxx_iostreams directories libc_hello longjmp lua
    pydantic python wheels
}

/// A folder that nobody runs is a mistake.
#[test]
fn every_folder_is_listed() {
    for (folder, list) in [("tests/programs", PROGRAMS), ("tests/programs-real", PROGRAMS_REAL)] {
        for name in folders_in(&root().join(folder)) {
            assert!(list.contains(&name.as_str()), "`{folder}/{name}` is not listed");
        }
    }
    // The C library of the others; and what needs a compiler of its own, which `run.sh` fetches.
    let no_programs = ["libc", "kotlin"];
    for name in folders_in(&root().join("examples")) {
        let is_listed = EXAMPLES.contains(&format!("example_{name}").as_str());
        assert!(is_listed || no_programs.contains(&&*name), "`examples/{name}` is not listed");
    }
}

/// One `run` line and what follows it.
#[derive(Default)]
struct Case {
    /// The line of the header on which it starts.
    line: usize,
    command: String,
    env: Vec<(String, String)>,
    stdin: Vec<String>,
    stdout: Vec<String>,
    stderr: Vec<String>,
    stderr_contains: Vec<String>,
    exit: i32,
}

/// Runs every case of the program in `folder`.
#[track_caller]
fn check(folder: &Path) {
    let source = header_source(&root().join(folder));
    let text = fs::read_to_string(&source).expect("was just read");
    let is_real = folder.starts_with("tests/programs-real");
    if is_real && !has_toolchain(folder, &text) {
        return;
    }
    let cases = parse(&text);
    assert!(!cases.is_empty(), "{}: has no `run` line", source.display());

    let mut failures = String::new();
    let mut blessed = Vec::new();
    for case in &cases {
        let tmp = tempfile::tempdir().expect("a temporary folder can be made");
        assemble_all(&root().join(folder), tmp.path());
        let output = run(folder, case, tmp.path());
        let actual = Case {
            line: case.line,
            stdout: normalized(&output.stdout, tmp.path()),
            stderr: normalized(&output.stderr, tmp.path()),
            exit: output.status.code().unwrap_or(-1),
            ..Case::default()
        };
        compare(folder, case, &actual, &mut failures);
        blessed.push(actual);
    }
    if std::env::var_os("BLESS").is_some() {
        fs::write(&source, bless(&text, &cases, &blessed)).expect("the source can be written");
    } else {
        assert!(failures.is_empty(), "{failures}");
    }
}

fn compare(folder: &Path, case: &Case, actual: &Case, failures: &mut String) {
    let mut differ = |what: &str, expected: &[String], found: &[String]| {
        let (expected, found) = (expected.join("\n  "), found.join("\n  "));
        let at = format!("{}: `dynvm {}`", folder.display(), case.command);
        let _ = write!(failures, "\n{at}: {what}: expected\n  {expected}\nfound\n  {found}\n");
    };
    if case.exit != actual.exit {
        let mut found = vec![actual.exit.to_string(), "with this on stderr:".into()];
        found.extend(actual.stderr.iter().cloned());
        differ("exit status", &[case.exit.to_string()], &found);
    }
    if case.stdout != actual.stdout {
        differ("stdout", &case.stdout, &actual.stdout);
    }
    let stderr = actual.stderr.join("\n");
    for part in &case.stderr_contains {
        if !stderr.contains(part.as_str()) {
            differ("a part of stderr", std::slice::from_ref(part), &actual.stderr);
        }
    }
    if case.stderr_contains.is_empty() && case.stderr != actual.stderr {
        differ("stderr", &case.stderr, &actual.stderr);
    }
}

fn run(folder: &Path, case: &Case, tmp: &Path) -> Output {
    let is_real = folder.starts_with("tests/programs-real");
    let (work, libraries) = if is_real {
        (built_dir(folder), toolchain().join("lib"))
    } else {
        (root().join(folder), PathBuf::from("../../../examples/libc"))
    };
    let expand = |text: &str| {
        let text = text.replace("$TMP", &tmp.to_string_lossy());
        text.replace("$TOOLCHAIN", &toolchain().to_string_lossy())
    };
    let mut command = Command::new(env!("CARGO_BIN_EXE_dynvm"));
    command.args(words(&case.command).iter().map(|word| expand(word)));
    command.current_dir(&work).env_remove("DYNVM_DEBUG").env_remove("DYNVM_LIBRARY_PATH");
    // With a cache of its own a program finds nothing in it.
    match std::env::var_os("DYNVM_TEST_UNCACHED") {
        Some(_) => command.env("DYNVM_CACHE", tmp.join(".cache")),
        None => command.env("DYNVM_CACHE", concat!(env!("CARGO_TARGET_TMPDIR"), "/cache")),
    };
    if !folder.starts_with("examples") {
        command.env("DYNVM_LIBRARY_PATH", libraries);
    }
    command.envs(case.env.iter().map(|(key, value)| (key, expand(value))));
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("dynvm was built");
    let mut stdin = child.stdin.take().expect("stdin is a pipe");
    // A program that does not read its input closes the pipe early: that is its right.
    let _ = stdin.write_all(
        case.stdin.iter().map(|line| line.clone() + "\n").collect::<String>().as_bytes(),
    );
    drop(stdin);

    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || sender.send(child.wait_with_output()));
    let output = receiver.recv_timeout(TIME_LIMIT);
    let output = output.unwrap_or_else(|_| panic!("`dynvm {}` does not end", case.command));
    output.expect("dynvm can be waited for")
}

/// Splits a command line at blanks; quotes of either kind hold words together.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut rest = line.trim_start().chars().peekable();
    while rest.peek().is_some() {
        let mut word = String::new();
        while let Some(c) = rest.next_if(|c| !c.is_whitespace()) {
            if c == '"' || c == '\'' {
                word.extend(rest.by_ref().take_while(|next| *next != c));
            } else {
                word.push(c);
            }
        }
        words.push(word);
        while rest.next_if(|c| c.is_whitespace()).is_some() {}
    }
    words
}

/// The lines of `bytes`, without the paths of this machine.
fn normalized(bytes: &[u8], tmp: &Path) -> Vec<String> {
    let mut text = String::from_utf8_lossy(bytes).replace(&*tmp.to_string_lossy(), "$TMP");
    text = text.replace(&*toolchain().to_string_lossy(), "$TOOLCHAIN");
    text = text.replace(&*root().to_string_lossy(), "$ROOT");
    if !text.is_empty() && !text.ends_with('\n') {
        text.push_str("[no newline]");
    }
    text.lines().map(str::to_owned).collect()
}

/// `key` and value of a header line.
fn directive(line: &str) -> Option<(&str, &str)> {
    let line = line.strip_prefix("//!").or_else(|| line.strip_prefix(";;!"))?;
    let (key, value) = line.trim_start().split_once(':')?;
    Some((key, value.strip_prefix(' ').unwrap_or(value)))
}

fn parse(text: &str) -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    for (line, text) in text.lines().enumerate() {
        let Some((key, value)) = directive(text) else { continue };
        if key == "run" {
            cases.push(Case { line, command: value.to_owned(), ..Case::default() });
            continue;
        }
        let Some(case) = cases.last_mut() else { continue };
        match key {
            "stdin" => case.stdin.push(value.to_owned()),
            "stdout" => case.stdout.push(value.to_owned()),
            "stderr" => case.stderr.push(value.to_owned()),
            "stderr-contains" => case.stderr_contains.push(value.to_owned()),
            "exit" => case.exit = value.parse().expect("the exit status is a number"),
            "env" => {
                let (name, value) = value.split_once('=').expect("`env` is KEY=VALUE");
                case.env.push((name.to_owned(), value.to_owned()));
            }
            _ => panic!("unknown key `{key}` after `run`"),
        }
    }
    cases
}

/// `text` with what happened in place of what was expected.
fn bless(text: &str, cases: &[Case], actual: &[Case]) -> String {
    let start = if text.starts_with(";;!") { ";;!" } else { "//!" };
    let mut blessed = String::new();
    let mut case_index = 0;
    for (number, line) in text.lines().enumerate() {
        if matches!(directive(line), Some(("stdout" | "stderr" | "exit", _))) {
            continue;
        }
        let _ = writeln!(blessed, "{line}");
        // Keys that steer the run stay in front of its results.
        let next = text.lines().nth(number + 1).and_then(directive);
        let is_last_input = cases.get(case_index).is_some_and(|case| number >= case.line)
            && !matches!(next, Some(("env" | "stdin" | "stderr-contains", _)));
        if !is_last_input {
            continue;
        }
        let (case, actual) = (&cases[case_index], &actual[case_index]);
        case_index += 1;
        let mut add = |key: &str, value: &str| {
            let _ = writeln!(blessed, "{}", format!("{start} {key}: {value}").trim_end());
        };
        actual.stdout.iter().for_each(|line| add("stdout", line));
        if case.stderr_contains.is_empty() {
            actual.stderr.iter().for_each(|line| add("stderr", line));
        }
        if actual.exit != 0 {
            add("exit", &actual.exit.to_string());
        }
    }
    blessed
}

/// The source that says how the program is run.
#[track_caller]
fn header_source(folder: &Path) -> PathBuf {
    for name in names(folder, |path| path.is_file()) {
        let path = folder.join(name);
        let Ok(text) = fs::read_to_string(&path) else { continue };
        if text.lines().any(|line| directive(line).is_some_and(|(key, _)| key == "run")) {
            return path;
        }
    }
    panic!("no file in {} has a `run` line", folder.display());
}

fn assemble_all(folder: &Path, tmp: &Path) {
    for name in names(folder, |path| path.extension() == Some(OsStr::new("wat"))) {
        let bytes = wat::parse_file(folder.join(&name)).unwrap_or_else(|error| panic!("{error}"));
        let output = name.replace(".wat", if name.starts_with("lib") { ".so" } else { ".wasm" });
        fs::write(tmp.join(output), bytes).expect("the temporary folder can be written");
    }
}

/// Whether the parts of the toolchain that the program names are there; if so, it gets built.
#[track_caller]
fn has_toolchain(folder: &Path, text: &str) -> bool {
    let parts = text.lines().filter_map(directive).find(|(key, _)| *key == "toolchain");
    let parts = parts.expect("a program of programs-real says `toolchain: …`").1;
    for part in parts.split_whitespace() {
        let file = match part {
            "base" => "sysroot/lib/wasm32-wasip1/libc.so",
            "cxx" => "lib-legacy/libc++.so",
            "py" => "py314/python3.14.wasm",
            "wheel" => "site/simplejson/_speedups.so",
            "lua" => "lua/lua.wasm",
            _ => panic!("the toolchain has no part `{part}`"),
        };
        if !toolchain().join(file).exists() {
            let message =
                format!("the toolchain is missing: run `tools/fetch-toolchain.sh {part}`");
            let is_required = std::env::var_os("DYNVM_REQUIRE_TOOLCHAIN").is_some();
            assert!(!is_required, "{}: {message}", folder.display());
            // Not `eprintln`, which is not heard of when the test passes.
            let _ = writeln!(std::io::stderr(), "SKIPPED {}: {message}", folder.display());
            return false;
        }
    }
    let mut build = Command::new(root().join("tools/build-guests.sh"));
    let status = build.arg("--real").arg(root().join(folder)).status().expect("bash is there");
    assert!(status.success(), "tools/build-guests.sh --real {} failed", folder.display());
    true
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn toolchain() -> PathBuf {
    let home = || PathBuf::from(std::env::var_os("HOME").unwrap_or_default());
    let chosen = std::env::var_os("DYNVM_TOOLCHAIN").map(PathBuf::from);
    chosen.unwrap_or_else(|| home().join(".cache/dynvm-toolchain"))
}

/// Where tools/build-guests.sh puts what it builds from a folder of programs-real.
fn built_dir(folder: &Path) -> PathBuf {
    toolchain().join("programs").join(folder.file_name().expect("the folder has a name"))
}

fn folders_in(folder: &Path) -> Vec<String> {
    names(folder, Path::is_dir)
}

/// Names of what `folder` holds and `is_wanted` wants, in the order of the alphabet.
fn names(folder: &Path, is_wanted: impl Fn(&Path) -> bool) -> Vec<String> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let paths = entries.flatten().map(|entry| entry.path()).filter(|path| is_wanted(path));
    let names = paths.filter_map(|path| Some(path.file_name()?.to_str()?.to_owned()));
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}
