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
    dynvm(cache, &["--compile", "eager", "--stats", "examples/hello/main.wasm"])
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

fn files(cache: &Path) -> Vec<PathBuf> {
    let files = fs::read_dir(cache).expect("the cache is there");
    files.map(|file| file.expect("it can be read").path()).collect()
}

fn with_ending(cache: &Path, ending: &str) -> Vec<PathBuf> {
    files(cache).into_iter().filter(|path| path.extension() == Some(ending.as_ref())).collect()
}

/// All files with code of one module; others know which are valid, and hold what leads in and out.
fn entries(cache: &Path) -> Vec<PathBuf> {
    with_ending(cache, "code")
}

/// All files with what a start needs of all its modules.
fn packs(cache: &Path) -> Vec<PathBuf> {
    with_ending(cache, "pack")
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
    assert_eq!((files(&cache).len(), packs(&cache).len()), (6, 1));
    assert!(output(dynvm(&cache, &["cache", "--clear"])).status.success());
    assert_eq!(files(&cache).len(), 0);
}

#[test]
fn a_pack_is_all_that_a_start_needs_and_needs_not_be_there() {
    let (_directory, cache) = cache();
    let (_, all) = check(&cache);
    let [pack] = &packs(&cache)[..] else { panic!("a start writes one pack") };
    let written = fs::read(pack).expect("it is there");
    fs::remove_file(pack).expect("it is removed");
    assert_eq!(check(&cache), (all, all));
    assert_eq!(fs::read(pack).expect("it is there again"), written);
    entries(&cache).iter().for_each(|path| fs::remove_file(path).expect("it is removed"));
    assert_eq!(check(&cache), (all, all));
    assert_eq!(entries(&cache).len(), 0);
    fs::remove_file(pack).expect("it is removed");
    assert_eq!(check(&cache), (0, all));
    assert_eq!(fs::read(pack).expect("it is there again"), written);
}

#[test]
fn compile_fills_it_for_the_run() {
    let (_directory, cache) = cache();
    let compiled = output(dynvm(&cache, &["compile", "examples/hello/main.wasm"]));
    assert!(compiled.status.success() && compiled.stdout.is_empty());
    let (cached, all) = check(&cache);
    assert_eq!(cached, all);
}

/// What is missing fails as it does when the program runs, unless it may be missing.
#[test]
fn compile_binds_as_the_run_does() {
    let (directory, cache) = cache();
    let program = directory.path().join("p.wasm");
    let text = r#"(module (@dylink.0 (mem-info)) (import "env" "f" (func $f)) (func (export "_start")) (func (call $f)))"#;
    fs::write(&program, wat::parse_str(text).expect("valid text")).expect("it is written");
    let program = program.to_str().expect("UTF-8");
    let failed = output(dynvm(&cache, &["compile", program]));
    assert_eq!(failed.status.code(), Some(127));
    let message = String::from_utf8(failed.stderr).expect("text");
    assert_eq!(message, "dynvm: undefined symbol `f` (needed by p.wasm)\n");

    assert!(output(dynvm(&cache, &["compile", "--bind", "lazy", program])).status.success());
    assert_eq!(entries(&cache).len(), 1);
    assert!(output(dynvm(&cache, &["--bind", "lazy", program])).status.success());
    assert_eq!(entries(&cache).len(), 1);
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
    let run = ["--compile", "eager", "--canonical-nan", "examples/hello/main.wasm"];
    let run = output(dynvm(&cache, &run));
    assert!(run.status.success());
    assert_eq!(entries(&cache).len(), 8);
}

/// Functions that had their code from the cache, that had none at first, and that got it since.
fn lazily(cache: &Path, arguments: &[&str]) -> [usize; 3] {
    let all = [&["--compile", "lazy", "--stats"], arguments].concat();
    let output = output(dynvm(cache, &all));
    let stderr = String::from_utf8(output.stderr).expect("text");
    let words: Vec<&str> = stderr.split_whitespace().collect();
    let before = |what: &[&str]| {
        let at = words.windows(what.len()).position(|found| found == what);
        at.map_or(0, |at| words[at - 1].trim_start_matches('(').parse().expect("a number"))
    };
    let compiled = before(&["compiled", "at", "once,"]);
    [before(&["cached)"]), before(&["functions", "deferred:"]), compiled]
}

#[test]
fn what_was_compiled_when_it_was_called_is_kept() {
    let (_directory, cache) = cache();
    let [cached, deferred, compiled] = lazily(&cache, &["examples/hello/main.wasm"]);
    assert_eq!(cached, 0);
    assert!(compiled > 20 && compiled <= deferred, "{compiled} of {deferred}");
    // It calls the same functions, and no other thread starts. What a thread compiled ahead between
    // the first run's statistics and its end is kept too.
    let [kept, left, since] = lazily(&cache, &["examples/hello/main.wasm"]);
    assert!(kept >= compiled, "{compiled} were compiled, {kept} kept");
    assert_eq!((kept + left, since), (deferred, 0));
    // Compiling all adds what is missing, in files of their own. Baseline code counts as missing.
    let (cached, all) = check(&cache);
    assert!(cached <= kept, "{cached} of {kept}");
    assert_eq!(all, deferred);
    assert_eq!(check(&cache), (deferred, deferred));
    assert_eq!(lazily(&cache, &["examples/hello/main.wasm"]), [deferred, 0, 0]);
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
    for (number, path) in [entries(&cache), packs(&cache)].concat().into_iter().enumerate() {
        let mut bytes = fs::read(&path).expect("the file is there");
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

/// A write beyond the limit fails as on a full disk, in the middle of an entry.
#[test]
fn a_full_disk_costs_time_only() {
    let (_directory, cache) = cache();
    let dynvm = env!("CARGO_BIN_EXE_dynvm");
    for blocks in [0, 1, 4] {
        let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec {dynvm} \"$@\"");
        let mut command = Command::new("sh");
        command.current_dir(env!("CARGO_MANIFEST_DIR")).env("DYNVM_CACHE", &cache);
        command.args(["-c", &script, "sh", "examples/hello/main.wasm"]);
        let output = output(command);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
        let left =
            entries(&cache).into_iter().filter(|path| path.extension() != Some("code".as_ref()));
        assert_eq!(left.collect::<Vec<_>>(), Vec::<PathBuf>::new());
    }
    let (_, all) = check(&cache);
    assert_eq!(check(&cache), (all, all));
}

/// Files that others put there: under an entry's name, and under names like ours.
#[test]
fn foreign_files_cost_time_only() {
    let (_directory, cache) = cache();
    let (_, all) = check(&cache);
    let paths = entries(&cache);
    let contents: Vec<_> = paths.iter().map(|path| fs::read(path).expect("it is there")).collect();
    // Each entry under the name of the next.
    for (path, content) in paths.iter().zip(contents.iter().cycle().skip(1)) {
        fs::write(path, content).expect("it is written");
    }
    // And the pack of a program that was linked otherwise.
    let flat = ["--bind", "lazy", "--preload", "examples/libc/libmini.so"];
    let flat = [&flat[..], &["examples/hello/main.wasm"]].concat();
    let [pack] = &packs(&cache)[..] else { panic!("a start writes one pack") };
    assert!(output(dynvm(&cache, &flat)).status.success());
    let other = packs(&cache).into_iter().find(|path| path != pack).expect("so does another");
    fs::rename(other, pack).expect("it is renamed");
    fs::write(cache.join("notes.txt"), "mine").expect("it is written");
    fs::create_dir(cache.join("directory.code")).expect("it is made");
    assert_eq!(check(&cache), (0, all));
    assert_eq!(check(&cache), (all, all));
    assert!(output(dynvm(&cache, &["cache", "--stats"])).status.success());
    assert_eq!(fs::read(cache.join("notes.txt")).expect("it stays"), b"mine");
}

/// How often a writer is killed.
const KILLS: usize = 200;

/// The same, but the system kills it as soon as a file gets longer than so many half kilobytes.
fn hello_that_writes_no_more_than(blocks: u64, cache: &Path) -> Command {
    let hello = hello(cache);
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("ulimit -c 0; ulimit -f {blocks}; exec \"$@\""), "sh"]);
    shell.arg(hello.get_program()).args(hello.get_args());
    shell.envs(hello.get_envs().filter_map(|(name, value)| Some((name, value?))));
    shell
}

/// Half of the writers are killed while an entry is half written, the others at any time; some have
/// another one beside them that wants to write the same.
#[test]
fn a_writer_killed_200_times_leaves_it_whole() {
    let (_directory, cache) = cache();
    let mut random = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = |below: u64| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random % below
    };
    let mut seen_half_written = 0;
    for round in 0..KILLS {
        let quiet = |mut command: Command| {
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()
        };
        let is_limited = round % 2 == 0;
        let mut killed = quiet(if is_limited {
            hello_that_writes_no_more_than(next(32), &cache)
        } else {
            hello(&cache)
        })
        .expect("dynvm starts");
        let other = (round % 8 == 0).then(|| quiet(hello(&cache)).expect("dynvm starts"));
        if !is_limited {
            std::thread::sleep(Duration::from_micros(next(20_000)));
            // It may have ended by itself.
            let _ = killed.kill();
        }
        killed.wait().expect("it ends");
        if let Some(mut other) = other {
            assert!(other.wait().expect("it ends").success());
        }
        let is_left = |path: &PathBuf| path.extension() == Some("new".as_ref());
        seen_half_written += usize::from(cache.exists() && files(&cache).iter().any(is_left));
        let (_, all) = check(&cache);
        assert_eq!(check(&cache), (all, all), "round {round}");
        fs::remove_dir_all(&cache).expect("the cache is removed");
    }
    assert!(seen_half_written > KILLS / 4, "{seen_half_written} were killed while they wrote");
}
