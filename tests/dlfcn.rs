//! `dlopen` and its family beside glibc's: each program of `tests/dlfcn` has one property, was run
//! against glibc by `tools/record-dlfcn.sh`, and must print the same here.
//!
//! The lines `//! key: value` of a source are explained there. A program that ends with another
//! status than 0 has a last line `[exit N]`.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use libtest_mimic::{Arguments, Failed, Trial};

const TIME_LIMIT: Duration = Duration::from_secs(120);

fn main() -> ExitCode {
    let trials = sources().into_iter().map(|source| {
        let name = source.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        Trial::test(name.clone(), move || check(&name, &source))
    });
    libtest_mimic::run(&Arguments::from_args(), trials.collect()).exit_code()
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/dlfcn")
}

/// The sources of the programs, in the order of the alphabet.
fn sources() -> Vec<PathBuf> {
    let entries = fs::read_dir(folder()).expect("tests/dlfcn is there");
    let paths = entries.map(|entry| entry.expect("tests/dlfcn can be read").path());
    let is_source = |path: &PathBuf| path.extension() == Some(OsStr::new("c"));
    let mut sources: Vec<PathBuf> = paths.filter(is_source).collect();
    sources.retain(|source| values(&read(source), "kind").any(|kind| kind == "program"));
    sources.sort();
    sources
}

fn check(name: &str, source: &Path) -> Result<(), Failed> {
    let expected = read(&source.with_extension("out"));
    let scratch = tempfile::tempdir()?;
    let (found, stderr) = run(name, &read(source), scratch.path())?;
    if found == expected {
        return Ok(());
    }
    Err(format!("glibc:\n{expected}\ndynvm:\n{found}\nstderr:\n{stderr}").into())
}

/// What the program prints, with its status where that is not 0, and what is said on stderr.
fn run(name: &str, source: &str, scratch: &Path) -> Result<(String, String), Failed> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dynvm"));
    command.current_dir(folder()).env_remove("DYNVM_DEBUG");
    command.env("DYNVM_LIBRARY_PATH", ".:../../examples/libc");
    command.env("DYNVM_CACHE", concat!(env!("CARGO_TARGET_TMPDIR"), "/cache"));
    command.args(["--dir", ".", "--dir", &format!("{}::/scratch", scratch.display())]);
    command.args(["--env", "SCRATCH=/scratch"]);
    for variable in values(source, "env") {
        command.args(["--env", variable]);
    }
    for preload in values(source, "preload") {
        command.args(["--preload", preload]);
    }
    command.arg(format!("{name}.wasm"));
    command.args(values(source, "args").flat_map(str::split_whitespace));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn()?;
    let started = Instant::now();
    while child.try_wait()?.is_none() {
        if started.elapsed() > TIME_LIMIT {
            child.kill()?;
            return Err(format!("`{name}` does not end").into());
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    let output = child.wait_with_output()?;
    let mut found = String::from_utf8_lossy(&output.stdout).into_owned();
    match output.status.code() {
        Some(0) => {}
        code => found.push_str(&format!("[exit {}]\n", code.unwrap_or(-1))),
    }
    Ok((found, String::from_utf8_lossy(&output.stderr).into_owned()))
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Values of the lines `//! key: value`.
fn values<'a>(text: &'a str, key: &'a str) -> impl Iterator<Item = &'a str> {
    text.lines()
        .filter_map(move |line| line.strip_prefix("//! ")?.strip_prefix(key)?.strip_prefix(": "))
}
