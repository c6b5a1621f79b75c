//! The program as its user sees it: every file of `tests/cli` holds commands with what they
//! print. All `.wat` files are compiled to `.wasm` beside each other, and the commands run there.
//!
//! ```text
//! $ NAME=VALUE dynvm ARGS < "standard input"
//! > a line of standard output
//! ! a line of standard error
//! ? the exit status, if it is not 0
//! ```
//! In a `.wat` file these lines start with `;;! `. `BLESS=1 cargo test --test cli` rewrites what
//! follows each command.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What stands before each line of a transcript in a `.wat` file.
const COMMENT: &str = ";;! ";

#[test]
fn transcripts() {
    let sources = files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli"));
    let directory = tempfile::tempdir().expect("a directory for the modules");
    for source in &sources {
        build(source, directory.path());
    }
    let failures: Vec<String> =
        sources.iter().filter_map(|source| check(source, directory.path()).err()).collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn objdump_shows_the_function_that_was_asked_for() {
    let (directory, module) = one_module(r#"(module (func (export "f")) (func (export "g")))"#);
    for arguments in [&["objdump"][..], &["objdump", "--clif"]] {
        let output = dynvm(directory.path()).args(arguments).arg(&module).arg("g").output();
        let output = output.expect("dynvm runs");
        assert!(output.status.success(), "{output:?}");
        let text = String::from_utf8(output.stdout).expect("it is text");
        assert!(text.starts_with("g:\n") && !text.contains("f:\n"), "{text}");
    }
}

/// A guest learns that nobody reads its output; a listing of dynvm's ends as by `SIGPIPE`.
#[test]
fn nobody_reads_the_output() {
    let (directory, module) = one_module(
        r#"(module
          (import "wasi_snapshot_preview1" "fd_write"
            (func $fd_write (param i32 i32 i32 i32) (result i32)))
          (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
          (memory (export "memory") 1)
          (func (export "_start")
            (i32.store (i32.const 4) (i32.const 8))
            (call $proc_exit
              (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))))"#,
    );
    for (arguments, expected) in [(&[][..], 64), (&["nm"][..], 141)] {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let mut command = dynvm(directory.path());
        let output = command.args(arguments).arg(&module).stdout(writer).output();
        let output = output.expect("dynvm runs");
        assert_eq!(output.status.code(), Some(expected), "{arguments:?}: {output:?}");
        assert!(output.stderr.is_empty(), "{output:?}");
    }
}

/// A directory with one module in it.
fn one_module(text: &str) -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().expect("a directory for the module");
    let path = directory.path().join("one.wasm");
    fs::write(&path, wat::parse_str(text).expect("a module")).expect("the module is written");
    (directory, path)
}

/// The program, in `directory`, without what the environment would tell it.
fn dynvm(directory: &Path) -> Command {
    let mut program = Command::new(env!("CARGO_BIN_EXE_dynvm"));
    program.current_dir(directory).env_remove("DYNVM_DEBUG").env_remove("DYNVM_LIBRARY_PATH");
    program.env("DYNVM_CACHE", concat!(env!("CARGO_TARGET_TMPDIR"), "/cache"));
    program
}

/// The files of a directory in order of their names.
fn files(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).expect("the directory of the transcripts");
    let mut files: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    files.sort();
    files
}

/// Puts a module into `directory`; another file goes there as it is.
fn build(source: &Path, directory: &Path) {
    let name = source.file_name().expect("a file has a name");
    let target = directory.join(name);
    if source.extension().is_some_and(|extension| extension == "wat") {
        let module = wat::parse_file(source).unwrap_or_else(|error| panic!("{error}"));
        fs::write(target.with_extension("wasm"), module).expect("the module is written");
    } else {
        fs::copy(source, target).expect("the file is copied");
    }
}

/// Runs the commands of a file and compares what they print.
fn check(source: &Path, directory: &Path) -> Result<(), String> {
    let text = fs::read_to_string(source).expect("the file is text");
    let is_module = source.extension().is_some_and(|extension| extension == "wat");
    let prefix = if is_module { COMMENT } else { "" };
    let mut found = String::new();
    for line in text.lines() {
        let transcript = line.strip_prefix(prefix);
        match transcript {
            Some(line) if line.starts_with(['>', '!', '?']) => {}
            _ => writeln!(found, "{line}").expect("a string takes all text"),
        }
        if let Some(command) = transcript.and_then(|line| line.strip_prefix("$ ")) {
            for line in run(command, directory).lines() {
                writeln!(found, "{prefix}{line}").expect("a string takes all text");
            }
        }
    }
    if found == text {
        return Ok(());
    }
    if std::env::var_os("BLESS").is_some() {
        fs::write(source, found).expect("the file is rewritten");
        return Ok(());
    }
    let name = source.file_name().expect("a file has a name").display();
    Err(format!(
        "{name}: expected\n{}\nfound\n{}",
        difference(&text, &found),
        difference(&found, &text)
    ))
}

/// The lines of `this` that `other` does not have.
fn difference(this: &str, other: &str) -> String {
    let other: Vec<&str> = other.lines().collect();
    this.lines().filter(|line| !other.contains(line)).map(|line| format!("  {line}\n")).collect()
}

/// Runs one command and returns what it did as lines of a transcript.
fn run(command: &str, directory: &Path) -> String {
    let (command, input) = command.split_once(" < ").unwrap_or((command, "\"\""));
    let input = input.trim_matches('"').replace("\\n", "\n");
    let mut words = command.split_whitespace().peekable();
    let mut program = dynvm(directory);
    while let Some((name, value)) = words.peek().and_then(|word| word.split_once('=')) {
        program.env(name, value);
        words.next();
    }
    assert_eq!(words.next(), Some("dynvm"), "`{command}` should run dynvm");
    program.args(words).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = program.spawn().expect("dynvm starts");
    let mut stdin = child.stdin.take().expect("it is a pipe");
    // A program that does not read its input closes the pipe.
    let _ = stdin.write_all(input.as_bytes());
    drop(stdin);
    let pid = format!("{:>10}:", child.id());
    let output = child.wait_with_output().expect("dynvm ends");

    let mut transcript = String::new();
    for (mark, bytes) in [('>', &output.stdout), ('!', &output.stderr)] {
        let text = String::from_utf8_lossy(bytes);
        let text = text.replace(&directory.display().to_string(), "DIR").replace(&pid, "PID:");
        for line in text.lines() {
            writeln!(transcript, "{}", format!("{mark} {line}").trim_end()).expect("all text");
        }
    }
    match output.status.code() {
        Some(0) => {}
        Some(status) => writeln!(transcript, "? {status}").expect("all text"),
        None => writeln!(transcript, "? killed: {}", output.status).expect("all text"),
    }
    transcript
}
