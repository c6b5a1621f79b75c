//! A second opinion: each seed becomes a module, which runs in dynvm and in wasmtime. Whatever a
//! program could see must be the same: results and traps of calls, memories, tables, globals.
#![forbid(unsafe_code)]

mod case;
mod ours;
mod theirs;
mod value;

use std::ops::Range;
use std::process::ExitCode;
use std::time::Instant;

use case::{Case, Drawn};

/// Wasm runs on the stack of the thread that calls it in wasmtime.
const STACK_SIZE_BYTES: usize = 64 << 20;
const USAGE: &str = "usage: differential [--seeds FIRST..END] [--one SEED]";

fn main() -> ExitCode {
    let args = std::env::args().skip(1).collect::<Vec<_>>();
    let seeds = match parse(&args) {
        Ok(seeds) => seeds,
        Err(message) => {
            eprintln!("differential: {message}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    let is_verbose = seeds.end - seeds.start == 1;
    let thread = std::thread::Builder::new().stack_size(STACK_SIZE_BYTES);
    let thread = thread.spawn(move || run(seeds, is_verbose)).expect("a thread can be had");
    match thread.join() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) | Err(_) => ExitCode::FAILURE,
    }
}

fn parse(args: &[String]) -> Result<Range<u64>, String> {
    let number = |text: &str| text.parse::<u64>().map_err(|error| format!("`{text}`: {error}"));
    match args {
        [] => Ok(0..20_000),
        [flag, seed] if flag == "--one" => number(seed).map(|seed| seed..seed + 1),
        [flag, range] if flag == "--seeds" => {
            let (first, end) = range.split_once("..").ok_or("expected FIRST..END")?;
            Ok(number(first)?..number(end)?)
        }
        _ => Err("expected a range of seeds or one seed".to_owned()),
    }
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
    calls: u64,
    returned: u64,
    mismatches: u64,
}

/// Whether all seeds agree.
fn run(seeds: Range<u64>, is_verbose: bool) -> bool {
    let started = Instant::now();
    let engine = theirs::engine();
    let mut counts = Counts::default();
    for seed in seeds {
        let case = case::draw(seed);
        if is_verbose {
            keep(seed, &case.bytes);
        }
        check(seed, &case, &engine, is_verbose, &mut counts);
        if counts.modules.is_multiple_of(1000) {
            eprintln!("{} modules, {:.0?}", counts.modules, started.elapsed());
        }
    }
    println!(
        "{} modules ({} with typed references, {} without threads because they wait, {} with the \
         process's memory, {} with its table), {} calls ({} returned), {} mismatches, {:.1?}",
        counts.modules,
        counts.typed,
        counts.blocking,
        counts.process,
        counts.process_table,
        counts.calls,
        counts.returned,
        counts.mismatches,
        started.elapsed()
    );
    counts.mismatches == 0
}

fn check(seed: u64, case: &Case, engine: &wasmtime::Engine, is_verbose: bool, counts: &mut Counts) {
    counts.modules += 1;
    counts.blocking += u64::from(case.drawn == Drawn::WithoutThreads);
    counts.typed += u64::from(case.drawn == Drawn::WithTypedReferences);
    counts.process += u64::from(case.is_process);
    counts.process_table += u64::from(case.has_process_table());
    let theirs = theirs::observe(engine, case);
    let ours = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| ours::observe(case)))
        .unwrap_or_else(|_| vec!["panicked".to_owned()]);
    if is_verbose {
        for line in &ours {
            println!("{line}");
        }
    }
    counts.calls += theirs.iter().filter(|line| line.starts_with("call")).count() as u64;
    counts.returned += theirs.iter().filter(|line| line.contains("returned")).count() as u64;
    let adds_to_words = case.adds_to_words();
    let is_same = |(ours, theirs): &(&String, &String)| {
        ours == theirs || adds_to_words && is_same_trap(ours, theirs)
    };
    let position = ours.iter().zip(&theirs).take_while(is_same).count();
    if position == ours.len() && position == theirs.len() {
        return;
    }
    counts.mismatches += 1;
    let end = "nothing more".to_owned();
    eprintln!(
        "seed {seed}, observation {position}:\n  dynvm:    {}\n  wasmtime: {}\n  module: {}",
        ours.get(position).unwrap_or(&end),
        theirs.get(position).unwrap_or(&end),
        keep(seed, &case.bytes)
    );
}

/// An atomic access that is both unaligned and out of bounds is unaligned in both engines, but for
/// one case that the proposal leaves open: wasmtime takes `memory.atomic.wait` and `notify` at an
/// index plus offset that the index type cannot hold to be out of bounds first.
fn is_same_trap(ours: &str, theirs: &str) -> bool {
    ours.replace("UnalignedAtomic", "MemoryOutOfBounds") == theirs
}

/// Writes the module as text where it can be looked at.
fn keep(seed: u64, bytes: &[u8]) -> String {
    let path = std::env::temp_dir().join(format!("differential-{seed}.wat"));
    let text = wasmprinter::print_bytes(bytes).unwrap_or_else(|error| error.to_string());
    match std::fs::write(&path, text) {
        Ok(()) => path.display().to_string(),
        Err(error) => format!("{}: {error}", path.display()),
    }
}
