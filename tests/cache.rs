//! The code cache from outside: it changes how long a start takes, and nothing else.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use tempfile::TempDir;

fn cache() -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().expect("a directory for the cache");
    let path = directory.path().join("cache");
    (directory, path)
}

fn dynvm(cache: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dynvm"));
    command.current_dir(env!("CARGO_MANIFEST_DIR"));
    command.env_remove("DYNVM_DEBUG").env("DYNVM_CACHE", cache).args(arguments);
    command
}

fn hello(cache: &Path) -> Command {
    dynvm(cache, &["--stats", "examples/hello/main.wasm"])
}

fn output(mut command: Command) -> Output {
    command.stdin(Stdio::null()).output().expect("dynvm starts")
}

/// Runs the example, which must do what it always does; how many functions came from the cache.
#[track_caller]
fn check(cache: &Path) -> (usize, usize) {
    let output = output(hello(cache));
    let stdout = String::from_utf8(output.stdout).expect("text");
    let stderr = String::from_utf8(output.stderr).expect("text");
    assert!(output.status.success(), "{stderr}");
    assert!(stdout.ends_with("the longest is \"merrily\".\n"), "{stdout}");
    let words: Vec<&str> = stderr.split_whitespace().collect();
    let at = words.iter().position(|word| *word == "cached)").expect("the statistics tell");
    let number = |word: &str| word.trim_start_matches('(').parse().expect("a number");
    (number(words[at - 1]), number(words[at - 3]))
}

fn entries(cache: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(cache).expect("the cache is there");
    entries.map(|entry| entry.expect("it can be read").path()).collect()
}

#[test]
fn a_second_start_compiles_nothing() {
    let (_directory, cache) = cache();
    let (cached, all) = check(&cache);
    assert_eq!(cached, 0);
    assert!(all > 50, "{all}");
    assert_eq!(check(&cache), (all, all));
    assert_eq!(entries(&cache).len(), 4);

    let shown = output(dynvm(&cache, &["cache"]));
    let shown = String::from_utf8(shown.stdout).expect("text");
    assert!(shown.contains("cache: 4 entries of "), "{shown}");
    assert!(output(dynvm(&cache, &["cache", "--clear"])).status.success());
    assert_eq!(entries(&cache).len(), 0);
}

#[test]
fn compile_fills_it_for_the_run() {
    let (_directory, cache) = cache();
    let compiled = output(dynvm(&cache, &["compile", "examples/hello/main.wasm"]));
    assert!(compiled.status.success() && compiled.stdout.is_empty());
    let (cached, all) = check(&cache);
    assert_eq!(cached, all);
}

/// Code with canonical NaNs is other code.
#[test]
fn what_code_does_is_part_of_its_name() {
    let (_directory, cache) = cache();
    let compile = ["compile", "--canonical-nan", "examples/hello/main.wasm"];
    assert!(output(dynvm(&cache, &compile)).status.success());
    assert_eq!(entries(&cache).len(), 4);
    assert_eq!(check(&cache).0, 0);
    assert_eq!(entries(&cache).len(), 8);
    let run = output(dynvm(&cache, &["--canonical-nan", "examples/hello/main.wasm"]));
    assert!(run.status.success());
    assert_eq!(entries(&cache).len(), 8);
}

#[test]
fn no_cache_leaves_nothing() {
    let (_directory, cache) = cache();
    let run = output(dynvm(&cache, &["--no-cache", "examples/hello/main.wasm"]));
    assert!(run.status.success());
    assert!(!cache.exists());
}

#[test]
fn damage_costs_time_only() {
    let (_directory, cache) = cache();
    let (_, all) = check(&cache);
    for (number, path) in entries(&cache).into_iter().enumerate() {
        let mut bytes = fs::read(&path).expect("the entry is there");
        match number % 4 {
            0 => bytes.truncate(bytes.len() / 2),
            1 => bytes.clear(),
            2 => bytes.extend_from_slice(b"more"),
            _ => {
                let middle = bytes.len() / 2;
                bytes[middle] ^= 0x40;
            }
        }
        fs::write(&path, bytes).expect("it is damaged");
    }
    assert_eq!(check(&cache), (0, all));
    assert_eq!(check(&cache), (all, all));
}

#[test]
fn a_place_where_nothing_can_be_written_costs_time_only() {
    let (directory, _) = cache();
    let file = directory.path().join("file");
    fs::write(&file, "no directory").expect("it is written");
    assert_eq!(check(&file).0, 0);
    assert_eq!(check(&file.join("below")).0, 0);
}

#[test]
fn killed_writers_and_several_at_once_leave_it_whole() {
    let (_directory, cache) = cache();
    for milliseconds in 0..24 {
        let mut first = hello(&cache);
        let mut second = hello(&cache);
        let quiet = |command: &mut Command| {
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()
        };
        let mut killed = quiet(&mut first).expect("dynvm starts");
        let mut other = quiet(&mut second).expect("dynvm starts");
        std::thread::sleep(Duration::from_millis(milliseconds * 4));
        // It may have ended by itself.
        let _ = killed.kill();
        killed.wait().expect("it ends");
        assert!(other.wait().expect("it ends").success());
        check(&cache);
        if milliseconds % 4 == 3 {
            fs::remove_dir_all(&cache).expect("the cache is removed");
        }
    }
}
