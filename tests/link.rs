//! `dynvm link`: every program of `tests/programs`, and those of `tests/programs-real` whose
//! toolchain is there, is linked into one module, which then does what the program does.
//!
//! How a program is run stands in its sources, as `tests/programs.rs` explains. Here each run is
//! made twice, as it is and linked; what is compared are stdout and exit status (a trap's text names
//! modules, of which one is left).

use std::ffi::OsStr;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// Programs that open libraries while they run, or look up symbols: they need the loader.
const NEED_LOADER: &[&str] =
    &["cxx_exceptions", "function_pointers", "plugin", "plugins", "pydantic", "python"];

/// Folders, by how their names begin, that are about something else than what a program does, or of
/// a dialect that has no form without its loader.
const NOT_ABOUT_LINKING: &[&str] = &["bad_input", "dyninfo", "flat"];

#[test]
fn programs_do_linked_what_they_do_unlinked() {
    let mut compared = 0;
    for folder in folders("tests/programs").into_iter().chain(folders("examples")) {
        compared += check_folder(&folder, &folder, "../../../examples/libc");
    }
    assert!(compared >= 40, "only {compared} runs were compared");
}

#[test]
fn real_programs_do_linked_what_they_do_unlinked() {
    for folder in folders("tests/programs-real") {
        let name = folder.file_name().expect("a folder has a name");
        let work = toolchain().join("programs").join(name);
        if is_built(&work) {
            check_folder(&folder, &work, &toolchain().join("lib").to_string_lossy());
        } else {
            let _ = writeln!(std::io::stderr(), "SKIPPED {}: it is not built", folder.display());
        }
    }
}

/// Compares every run of a folder's program. Gives how many there were.
fn check_folder(folder: &Path, work: &Path, libraries: &str) -> usize {
    let name = folder.file_name().expect("a folder has a name").to_string_lossy().into_owned();
    if NOT_ABOUT_LINKING.iter().any(|start| name.starts_with(start)) {
        return 0;
    }
    let tmp = tempfile::tempdir().expect("a temporary folder");
    for file in files(folder, "wat") {
        let bytes = wat::parse_file(&file).unwrap_or_else(|error| panic!("{error}"));
        let stem = file.file_stem().expect("a file has a name").to_string_lossy().into_owned();
        let kind = if stem.starts_with("lib") { "so" } else { "wasm" };
        fs::write(tmp.path().join(format!("{stem}.{kind}")), bytes).expect("written");
    }
    let mut compared = 0;
    for run in runs(folder) {
        compared += usize::from(check_run(&name, work, libraries, tmp.path(), &run));
    }
    compared
}

/// A `run` line of a header, with the lines of input behind it.
struct Run {
    command: String,
    stdin: String,
    env: Vec<(String, String)>,
}

/// Links the program of one run and runs both. Whether there was something to compare.
fn check_run(name: &str, work: &Path, libraries: &str, tmp: &Path, run: &Run) -> bool {
    let expand = |text: &str| {
        let text = text.replace("$TMP", &tmp.to_string_lossy());
        text.replace("$TOOLCHAIN", &toolchain().to_string_lossy())
    };
    let words: Vec<String> = words(&run.command).iter().map(|word| expand(word)).collect();
    let Some(program) = words.iter().position(|word| word.ends_with(".wasm")) else {
        return false;
    };
    let (options, arguments) = words.split_at(program);
    let output = tmp.join("linked.wasm");
    let mut link = vec!["link".to_owned(), "-o".to_owned(), output.display().to_string()];
    let (mut run_options, mut exports) = (Vec::new(), Vec::new());
    let mut words = options.iter();
    while let Some(word) = words.next() {
        // A subcommand, or a switch, says that the run is about something else.
        let Some(value) = words.next().filter(|_| word.starts_with('-')).cloned() else {
            return false;
        };
        match word.as_str() {
            "-L" | "--preload" | "--bind" | "--stack-size" => link.extend([word.clone(), value]),
            "--invoke" => {
                exports.extend(["--export".to_owned(), value.clone()]);
                run_options.extend([word.clone(), value]);
            }
            _ => run_options.extend([word.clone(), value]),
        }
    }
    link.push(arguments[0].clone());
    let env: Vec<_> = run.env.iter().map(|(key, value)| (key.clone(), expand(value))).collect();
    let dynvm = |arguments: &[String]| execute(work, libraries, arguments, &env, &run.stdin);

    let unlinked = dynvm(&[options, arguments].concat());
    if unlinked.status.code() != Some(127) {
        link.extend(exports);
    }
    let linked = dynvm(&link);
    let stderr = String::from_utf8_lossy(&linked.stderr).into_owned();
    if unlinked.status.code() == Some(127) {
        // A program that cannot be loaded cannot be linked, for the same reason. But an
        // entry point or a function is wanted by who runs it, and another host can be there.
        let can_be = linked.status.success() && matches!(name, "no_start" | "plain" | "reactor");
        assert!(can_be || linked.status.code() == Some(127), "{name}: {}", run.command);
        let expected = String::from_utf8_lossy(&unlinked.stderr);
        assert!(can_be || stderr == expected, "{name}: expected {expected}, found {stderr}");
        return false;
    }
    let needs_loader = stderr.contains(" the loader\n");
    let is_expected = NEED_LOADER.contains(&name) == needs_loader;
    assert!(is_expected && linked.status.success() != needs_loader, "{name}: {stderr}");
    if needs_loader {
        return false;
    }
    let one = [&run_options[..], &[output.display().to_string()], &arguments[1..]].concat();
    let actual = dynvm(&one);
    let show = |output: &Output| {
        let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
        format!("status {:?}\n{stdout}", output.status.code())
    };
    let found = show(&actual);
    let stderr = String::from_utf8_lossy(&actual.stderr);
    assert_eq!(found, show(&unlinked), "{name}: `{}` linked; stderr: {stderr}", run.command);
    true
}

fn execute(
    work: &Path,
    libraries: &str,
    arguments: &[String],
    env: &[(String, String)],
    stdin: &str,
) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dynvm"));
    command.args(arguments).current_dir(work).env_remove("DYNVM_DEBUG");
    command.env("DYNVM_CACHE", concat!(env!("CARGO_TARGET_TMPDIR"), "/link-cache"));
    command.env("DYNVM_LIBRARY_PATH", libraries);
    command.envs(env.iter().map(|(key, value)| (key, value)));
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("dynvm was built");
    let mut input = child.stdin.take().expect("stdin is a pipe");
    // A program that does not read its input closes the pipe early: that is its right.
    let _ = input.write_all(stdin.as_bytes());
    drop(input);
    child.wait_with_output().expect("dynvm can be waited for")
}

/// The `run` lines of the folder's sources.
fn runs(folder: &Path) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    for source in
        files(folder, "c").into_iter().chain(files(folder, "cpp")).chain(files(folder, "wat"))
    {
        let text = fs::read_to_string(&source).expect("a source can be read");
        for line in text.lines() {
            let line = line.strip_prefix("//!").or_else(|| line.strip_prefix(";;!"));
            let Some((key, value)) = line.and_then(|line| line.trim_start().split_once(':')) else {
                continue;
            };
            let value = value.strip_prefix(' ').unwrap_or(value);
            match (key, runs.last_mut()) {
                ("run", _) => {
                    let command = value.to_owned();
                    runs.push(Run { command, stdin: String::new(), env: Vec::new() });
                }
                ("stdin", Some(run)) => run.stdin.extend([value, "\n"]),
                ("env", Some(run)) => {
                    let (name, value) = value.split_once('=').expect("`env` is KEY=VALUE");
                    run.env.push((name.to_owned(), value.to_owned()));
                }
                _ => {}
            }
        }
    }
    runs
}

/// Splits a command line at blanks; quotes of either kind hold words together.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    for c in line.chars() {
        match (c, quote) {
            (c, Some(open)) if c == open => quote = None,
            ('"' | '\'', None) => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (c, None) if c.is_whitespace() => words.extend(word.take()),
            (c, _) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

#[test]
fn a_module_that_only_a_loader_can_link_is_named() {
    let text = fs::read_to_string(root().join("tests/programs/dyninfo_hello/main.wat"));
    let work = tempfile::tempdir().expect("a directory");
    let folder = root().join("tests/programs/dyninfo_hello");
    for source in files(&folder, "wat") {
        let bytes = wat::parse_file(&source).expect("a module");
        let name = source.with_extension("wasm");
        fs::write(work.path().join(name.file_name().expect("a name")), bytes).expect("written");
    }
    assert!(text.expect("the program is there").contains("dyninfo"));
    let mut command = Command::new(env!("CARGO_BIN_EXE_dynvm"));
    command.current_dir(work.path()).args(["link", "-o", "out.wasm", "main.wasm"]);
    let output = command.output().expect("it starts");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(
        stderr,
        "dynvm: `main.wasm` is a `dyninfo` module, which only a loader can link: run it\n"
    );
    assert_eq!(output.status.code(), Some(127));
    assert!(!work.path().join("out.wasm").exists());
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn toolchain() -> PathBuf {
    let home = || PathBuf::from(std::env::var_os("HOME").unwrap_or_default());
    let chosen = std::env::var_os("DYNVM_TOOLCHAIN").map(PathBuf::from);
    chosen.unwrap_or_else(|| home().join(".cache/dynvm-toolchain"))
}

/// The folders in `folder` that hold a program to run.
fn folders(folder: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(root().join(folder)).expect("the folder is there");
    let mut found: Vec<PathBuf> =
        entries.flatten().map(|entry| entry.path()).filter(|path| path.is_dir()).collect();
    found.sort();
    found
}

fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("the folder is there");
    let has_it = |path: &PathBuf| path.extension() == Some(OsStr::new(extension));
    let mut found: Vec<PathBuf> =
        entries.flatten().map(|entry| entry.path()).filter(has_it).collect();
    found.sort();
    found
}

/// Whether `tools/build-guests.sh --real` has built the program.
fn is_built(work: &Path) -> bool {
    work.is_dir()
}
