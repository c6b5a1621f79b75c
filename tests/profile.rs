//! `--profile`: the files that `perf` reads, as it would read them; and `--stats`, phase by phase.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// Runs the example with `--profile` and gives the number of its process.
fn run(format: &str, directory: &Path) -> (u32, Output) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dynvm"));
    command.current_dir(env!("CARGO_MANIFEST_DIR")).env("JITDUMPDIR", directory);
    command.args(["--no-cache", "--compile", "eager", "--profile", format]);
    command.arg("examples/hello/main.wasm");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().expect("dynvm starts");
    (child.id(), child.wait_with_output().expect("it ends"))
}

/// Functions of every kind that the example has.
const NAMES: [&str; 5] = [
    "main.wasm!_start",
    "libtally.so!tally_new",
    "libmini.so!malloc",
    "host!fd_write",
    "host!entry",
];

#[track_caller]
fn check_names(found: &[String]) {
    for name in NAMES {
        assert!(found.iter().any(|found| found.starts_with(name)), "no `{name}` in {found:?}");
    }
}

#[test]
fn a_perf_map_has_a_line_for_each_function() {
    let directory = tempfile::tempdir().expect("a directory");
    let (process, output) = run("perfmap", directory.path());
    assert!(output.status.success(), "{output:?}");
    let path = Path::new("/tmp").join(format!("perf-{process}.map"));
    let text = fs::read_to_string(&path).expect("it was written");
    fs::remove_file(&path).expect("it is removed");
    let mut names = Vec::new();
    let mut ranges = Vec::new();
    for line in text.lines() {
        let mut words = line.splitn(3, ' ');
        let mut number = || u64::from_str_radix(words.next().expect("a word"), 16).expect("hex");
        let (start, len) = (number(), number());
        assert!(len > 0, "{line}");
        ranges.push(start..start + len);
        names.push(words.next().expect("a name").to_owned());
    }
    check_names(&names);
    ranges.sort_by_key(|range| range.start);
    assert!(ranges.is_sorted_by(|one, other| one.end <= other.start), "functions overlap");
}

/// Takes numbers and bytes off the front of a jitdump.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn bytes(&mut self, len: usize) -> &'a [u8] {
        let (bytes, rest) = self.0.split_at(len);
        self.0 = rest;
        bytes
    }

    fn u32(&mut self) -> u32 {
        u32::from_ne_bytes(self.bytes(4).try_into().expect("four bytes"))
    }

    fn u64(&mut self) -> u64 {
        u64::from_ne_bytes(self.bytes(8).try_into().expect("eight bytes"))
    }
}

#[test]
fn a_jitdump_has_the_code_of_each_function() {
    let directory = tempfile::tempdir().expect("a directory");
    let (process, output) = run("jitdump", directory.path());
    assert!(output.status.success(), "{output:?}");
    let path = directory.path().join(format!("jit-{process}.dump"));
    let bytes = fs::read(path).expect("it was written");
    let mut reader = Reader(&bytes);
    let header = [(); 6].map(|()| reader.u32());
    assert_eq!(header, [0x4a69_5444, 1, 40, 62, 0, process]);
    let (mut latest, flags) = (reader.u64(), reader.u64());
    assert_eq!(flags, 0);

    let mut names = Vec::new();
    while !reader.0.is_empty() {
        let (kind, record_bytes) = (reader.u32(), reader.u32() as usize);
        assert_eq!(kind, 0, "a record that loads code");
        let time = reader.u64();
        assert!(latest <= time, "records are in order");
        latest = time;
        assert_eq!([reader.u32(), reader.u32()], [process; 2], "wasm runs on the first thread");
        let (address, code_address) = (reader.u64(), reader.u64());
        assert_eq!(address, code_address);
        let (code_bytes, number) = (reader.u64() as usize, reader.u64());
        assert_eq!(number, names.len() as u64);
        let name = reader.bytes(record_bytes - 56 - code_bytes);
        let (zero, name) = name.split_last().expect("a name ends in zero");
        assert_eq!(*zero, 0);
        let code = reader.bytes(code_bytes);
        // A function starts with `push rbp`, unless it needs no frame; no code is all zeros.
        assert!(code.iter().any(|byte| *byte != 0), "{name:?}");
        names.push(String::from_utf8(name.to_vec()).expect("a name is UTF-8"));
    }
    check_names(&names);
}

#[test]
fn a_profile_that_cannot_be_written_is_an_error() {
    let (_, output) = run("jitdump", Path::new("/no/such/place"));
    assert_eq!(output.status.code(), Some(1));
    let message = String::from_utf8(output.stderr).expect("text");
    assert!(
        message.starts_with("dynvm: cannot write the profile `/no/such/place/jit-"),
        "{message}"
    );
    assert!(message.ends_with(".dump`: No such file or directory (os error 2)\n"), "{message}");
    assert!(output.stdout.is_empty(), "the program has not run");
}

/// The first words of the lines that `--stats` prints after the guest's own.
#[track_caller]
fn check_stats(arguments: &[&str], expected: &[&str]) {
    let directory = tempfile::tempdir().expect("a directory");
    let mut command = Command::new(env!("CARGO_BIN_EXE_dynvm"));
    command.current_dir(env!("CARGO_MANIFEST_DIR")).env("DYNVM_CACHE", directory.path());
    command.env_remove("DYNVM_COMPILE").args(arguments).stdin(Stdio::null());
    let output = command.output().expect("dynvm starts");
    let text = String::from_utf8(output.stderr).expect("text");
    // Times and sizes differ from run to run: their digits do not count.
    let shape: String = text.chars().filter(|letter| !letter.is_ascii_digit()).collect();
    let mut rest = &shape[..];
    for part in expected {
        let at = rest.find(part).unwrap_or_else(|| panic!("no `{part}` in {rest}"));
        rest = &rest[at + part.len()..];
    }
}

#[test]
fn statistics_have_every_phase() {
    let phases = [
        "dynvm:  modules of  bytes: found and read in .",
        ", decoded and validated in .",
        " imports bound in .",
        " functions ( cached) of  bytes compiled in .",
        ", placed in .",
        "ran for .",
        ", at most . MiB of memory used\n",
    ];
    check_stats(&["--stats", "examples/hello/main.wasm"], &phases);
    let lazy = [
        " functions deferred:  compiled at once,  optimized,  loops while they ran;  first calls waited .",
        "ran for .",
    ];
    check_stats(&["--stats", "--compile", "lazy", "examples/hello/main.wasm"], &lazy);
}

/// Who is not loaded has no costs.
#[test]
fn a_load_that_fails_prints_no_statistics() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dynvm"));
    let output = command.args(["--stats", "no-such.wasm"]).output().expect("dynvm starts");
    assert_eq!(output.status.code(), Some(127));
    let message = String::from_utf8(output.stderr).expect("text");
    assert!(message.starts_with("dynvm: cannot read `no-such.wasm`"), "{message}");
    assert_eq!(message.lines().count(), 1);
}
