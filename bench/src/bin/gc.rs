//! What garbage collection costs: the programs of `bench/gc` in dynvm, and with `--peers` in
//! wasmtime and V8 beside it. Each run is a process of its own, so that its peak memory is known.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Instant;
use std::{env, fs};

use dynvm_bench::modules::Modules;
use dynvm_bench::{Result, peers};
use dynvm_vm::value::Value;

const USAGE: &str =
    "usage: gc [--peers] [--only TEXT] [--rounds N] | gc --child FILE.wasm ARG REPS";

/// Programs of `bench/gc` with the argument of their `run`, and what it gives.
const PROGRAMS: [(&str, i32, i32); 4] = [
    ("binary-trees", 16, 14_985_902),
    ("splay", 200_000, 2_112_159_273),
    ("tasks", 20_000, 527_554_560),
    ("hash-map", 100_000, -1_537_857_552),
];

/// How often a process runs a program: the first runs warm up, and V8 compiles better code meanwhile.
const REPS: usize = 5;

fn main() -> ExitCode {
    let args = env::args().skip(1).collect::<Vec<_>>();
    let args = args.iter().map(String::as_str).collect::<Vec<_>>();
    let outcome = match args[..] {
        ["--child", file, arg, reps] => child(file, arg, reps),
        _ => compare(&args),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("gc: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Runs a program here: for each repetition a line with seconds and the result, then the most bytes
/// in memory.
fn child(file: &str, arg: &str, reps: &str) -> Result<()> {
    let (arg, reps) = (arg.parse()?, reps.parse::<u32>()?);
    let mut modules = Modules::new()?;
    modules.add("program", fs::read(file)?)?;
    let func = modules.func("program", "run")?;
    for _ in 0..reps {
        let started = Instant::now();
        let results = modules.call(func, &[Value::I32(arg)])?;
        let elapsed = started.elapsed().as_secs_f64();
        println!("{elapsed:.6} {}", results[0]);
    }
    let status = fs::read_to_string("/proc/self/status")?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let peak = peak.and_then(|peak| peak.split_whitespace().next()).ok_or("no peak is told")?;
    println!("peak {}", peak.parse::<u64>()? * 1024);
    eprintln!("{:?}", modules.process().heap_stats());
    Ok(())
}

/// An engine, and how it is started on a file.
struct Engine {
    name: &'static str,
    command: Vec<PathBuf>,
}

/// What came out of all rounds of an engine with a program.
#[derive(Default)]
struct Column {
    seconds: Vec<f64>,
    peak_bytes: u64,
}

fn compare(args: &[&str]) -> Result<()> {
    let (mut has_peers, mut only, mut rounds) = (false, "", 5_usize);
    let mut rest = args.iter();
    while let Some(arg) = rest.next() {
        match *arg {
            "--peers" => has_peers = true,
            "--only" => only = rest.next().ok_or(USAGE)?,
            "--rounds" => rounds = rest.next().ok_or(USAGE)?.parse()?,
            _ => return Err(USAGE.into()),
        }
    }
    let own = vec![env::current_exe()?, "--child".into()];
    let mut engines = vec![Engine { name: "dynvm", command: own }];
    if has_peers {
        engines.push(Engine { name: "wasmtime", command: vec![peers::build("wasmtime", "gc")?] });
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers/node/gc.mjs");
        match peers::node(&peers::toolchain()) {
            Some(node) => engines.push(Engine { name: "V8", command: vec![node, script] }),
            None => eprintln!("gc: left out: node"),
        }
    }
    let dir = env::temp_dir().join(format!("dynvm-bench-gc-{}", std::process::id()));
    fs::create_dir_all(&dir)?;
    print_head(&engines);
    for (program, arg, expected) in PROGRAMS {
        if program.contains(only) {
            let file = dir.join(program).with_extension("wasm");
            let text = Path::new(env!("CARGO_MANIFEST_DIR")).join("gc").join(program);
            fs::write(&file, wat::parse_file(text.with_extension("wat"))?)?;
            let columns = measure(&engines, &file, (arg, expected), rounds)?;
            print_row(program, &columns);
        }
    }
    fs::remove_dir_all(&dir)?;
    Ok(())
}

/// All engines in each round, one after the other: what slows one down does so to all.
fn measure(
    engines: &[Engine],
    file: &Path,
    (arg, expected): (i32, i32),
    rounds: usize,
) -> Result<Vec<Column>> {
    let mut columns: Vec<Column> = engines.iter().map(|_| Column::default()).collect();
    for _ in 0..rounds {
        for (engine, column) in engines.iter().zip(&mut columns) {
            let (program, arguments) =
                engine.command.split_first().ok_or("an engine is a program")?;
            let output = Command::new(program)
                .args(arguments)
                .arg(file)
                .args([arg.to_string(), REPS.to_string()])
                .output()
                .map_err(|error| format!("cannot run {}: {error}", program.display()))?;
            if !output.status.success() {
                let message = String::from_utf8_lossy(&output.stderr);
                return Err(format!("{}: {message}", engine.name).into());
            }
            read(&String::from_utf8(output.stdout)?, expected, column)
                .map_err(|error| format!("{}: {error}", engine.name))?;
        }
    }
    Ok(columns)
}

/// Takes over what an engine printed: its least time, and its peak.
fn read(text: &str, expected: i32, column: &mut Column) -> Result<()> {
    let mut least = f64::INFINITY;
    for line in text.lines() {
        match line.split_once(' ').ok_or("expected two words in each line")? {
            ("peak", bytes) => column.peak_bytes = column.peak_bytes.max(bytes.parse()?),
            (seconds, result) if result.parse::<i32>()? == expected => {
                least = least.min(seconds.parse()?);
            }
            (_, found) => return Err(format!("expected {expected}, found {found}").into()),
        }
    }
    column.seconds.push(least);
    Ok(())
}

fn print_head(engines: &[Engine]) {
    let names = engines.iter().map(|engine| format!(" {} | peak |", engine.name));
    println!("| program |{}", names.collect::<String>());
    println!("|---|{}", "--:|--:|".repeat(engines.len()));
}

/// A line of the table: medians, how they compare with dynvm's in the same round, peaks.
fn print_row(program: &str, columns: &[Column]) {
    print!("| {program} |");
    for column in columns {
        let ratios = column.seconds.iter().zip(&columns[0].seconds).map(|(it, own)| it / own);
        let ratio = median(ratios.collect());
        let milliseconds = 1000.0 * median(column.seconds.clone());
        let mebibytes = column.peak_bytes as f64 / f64::from(1 << 20);
        print!(" {milliseconds:.1} ms ({ratio:.2}×) | {mebibytes:.0} MiB |");
    }
    println!();
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
