//! Compares dynvm and wasmtime on modules of seeds, or on a fuzzer's files.
#![forbid(unsafe_code)]

use std::fmt;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use dynvm_differential::{
    Case, Drawn, Mismatch, STACK_SIZE_BYTES, Selection, compare, draw, engine, of_bytes,
};
use wasmtime::Engine;

const USAGE: &str =
    "usage: differential [--gc] [--stress] [--baseline] [--seeds FIRST..END | --one SEED | --files FILE...]
  --gc      only modules with garbage collection: seeds count these, and stand for other modules
  --stress  every allocation collects
  --baseline  only modules that the baseline compiler knows whole";

fn main() -> ExitCode {
    let args = std::env::args().skip(1).collect::<Vec<_>>();
    let (selection, args) = select(&args);
    let origins = match parse(args) {
        Ok(origins) => origins,
        Err(message) => {
            eprintln!("differential: {message}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    let is_verbose = origins.len() == 1;
    let thread = std::thread::Builder::new().stack_size(STACK_SIZE_BYTES);
    let thread =
        thread.spawn(move || run(origins, selection, is_verbose)).expect("a thread can be had");
    match thread.join() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) | Err(_) => ExitCode::FAILURE,
    }
}

/// The options that stand first, and what follows them.
fn select(mut args: &[String]) -> (Selection, &[String]) {
    let mut selection = Selection::default();
    while let [flag, rest @ ..] = args {
        match flag.as_str() {
            "--gc" => selection.is_gc_only = true,
            "--stress" => selection.is_stressed = true,
            "--baseline" => selection.is_baseline_only = true,
            _ => break,
        }
        args = rest;
    }
    (selection, args)
}

fn parse(args: &[String]) -> Result<Vec<Origin>, String> {
    let number = |text: &str| text.parse::<u64>().map_err(|error| format!("`{text}`: {error}"));
    let seeds = match args {
        [] => 0..20_000,
        [flag, seed] if flag == "--one" => number(seed).map(|seed| seed..seed + 1)?,
        [flag, range] if flag == "--seeds" => {
            let (first, end) = range.split_once("..").ok_or("expected FIRST..END")?;
            number(first)?..number(end)?
        }
        [flag, files @ ..] if flag == "--files" => {
            return Ok(files.iter().map(|file| Origin::File(file.into())).collect());
        }
        _ => return Err("expected a range of seeds, one seed, or files".to_owned()),
    };
    Ok(seeds.map(Origin::Seed).collect())
}

#[derive(Default)]
struct Counts {
    modules: u64,
    /// Drawn again without threads, because a wait would never end.
    blocking: u64,
    /// With references to types of functions, by way of the garbage collection proposal.
    typed: u64,
    /// With the process's memory, and with its table.
    process: u64,
    process_table: u64,
    /// With a collection at each allocation.
    stressed: u64,
    calls: usize,
    returned: usize,
    mismatches: u64,
}

/// Whether the engines agree on all.
fn run(origins: Vec<Origin>, selection: Selection, is_verbose: bool) -> bool {
    let started = Instant::now();
    let engine = engine();
    let mut counts = Counts::default();
    for origin in &origins {
        let case = match origin {
            Origin::Seed(seed) => draw(*seed, selection),
            Origin::File(path) => match std::fs::read(path).map(|bytes| of_bytes(&bytes)) {
                Ok(Some(case)) => case,
                Ok(None) => {
                    eprintln!("{origin}: no module can be made of it");
                    continue;
                }
                Err(error) => {
                    eprintln!("{origin}: {error}");
                    return false;
                }
            },
        };
        check(origin, &case, &engine, is_verbose, &mut counts);
        if counts.modules.is_multiple_of(1000) {
            eprintln!("{} modules, {:.0?}", counts.modules, started.elapsed());
        }
    }
    println!(
        "{} modules ({} with typed references, {} without threads because they wait, {} with the \
         process's memory, {} with its table, {} collecting at each allocation), {} calls ({} returned), {} mismatches, {:.1?}",
        counts.modules,
        counts.typed,
        counts.blocking,
        counts.process,
        counts.process_table,
        counts.stressed,
        counts.calls,
        counts.returned,
        counts.mismatches,
        started.elapsed()
    );
    counts.mismatches == 0
}

/// Where a case comes from, for messages and names of files.
enum Origin {
    Seed(u64),
    File(PathBuf),
}

fn check(origin: &Origin, case: &Case, engine: &Engine, is_verbose: bool, counts: &mut Counts) {
    counts.modules += 1;
    counts.blocking += u64::from(case.drawn == Drawn::WithoutThreads);
    counts.typed += u64::from(case.drawn == Drawn::WithTypedReferences);
    counts.process += u64::from(case.is_process);
    counts.process_table += u64::from(case.has_process_table());
    counts.stressed += u64::from(case.is_heap_stressed);
    let outcome = compare(case, engine);
    if is_verbose {
        keep(origin, &case.bytes);
        for line in &outcome.seen {
            println!("{line}");
        }
    }
    counts.calls += outcome.calls;
    counts.returned += outcome.returned;
    let Some(Mismatch { position, ours, theirs }) = outcome.mismatch else { return };
    counts.mismatches += 1;
    let kept = keep(origin, &case.bytes);
    eprintln!(
        "{origin}, observation {position}:\n  dynvm:    {ours}\n  wasmtime: {theirs}\n  \
         module: {kept}"
    );
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Seed(seed) => write!(f, "seed {seed}"),
            Origin::File(path) => path.display().fmt(f),
        }
    }
}

/// Writes the module as text where it can be looked at.
fn keep(origin: &Origin, bytes: &[u8]) -> String {
    let name = match origin {
        Origin::Seed(seed) => format!("differential-{seed}.wat"),
        Origin::File(path) => {
            format!("differential-{}.wat", path.file_name().unwrap_or_default().display())
        }
    };
    let path = std::env::temp_dir().join(name);
    let text = wasmprinter::print_bytes(bytes).unwrap_or_else(|error| error.to_string());
    match std::fs::write(&path, text) {
        Ok(()) => path.display().to_string(),
        Err(error) => format!("{}: {error}", path.display()),
    }
}
