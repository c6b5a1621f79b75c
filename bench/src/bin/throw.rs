//! Prints what a throw costs that is caught, in one function and across dsos: a Markdown table.

use std::fmt::Write as _;
use std::path::Path;
use std::process::ExitCode;

use dynvm_bench::Result;
use dynvm_bench::calls::{Dynvm, Engine, Function, Peer, Samples};

const USAGE: &str = "throw [--rounds N] [--peer PROGRAM]
  --rounds N      rounds over all cases (default 21); the table shows medians
  --peer PROGRAM  measure this build of bench/peers/wasmtime in the same rounds";

/// Throws in one sample.
const ITERATIONS: u32 = 20_000;

/// Export, what it does, and whether a single module can do it too.
const CASES: [(&str, &str, bool); 6] = [
    ("try_only", "a try block, nothing thrown", true),
    ("inside_0", "thrown and caught in one function", true),
    ("inside_1", "thrown by a function that is called", true),
    ("inside_100", "thrown 100 calls deep", true),
    ("across_1", "thrown in a library", false),
    ("across_100", "thrown in a library, 100 calls deep", false),
];

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("throw: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let (mut rounds, mut peer) = (21, None);
    let mut given = std::env::args().skip(1);
    while let Some(option) = given.next() {
        let value = given.next().ok_or(USAGE)?;
        match option.as_str() {
            "--rounds" => rounds = value.parse()?,
            "--peer" => peer = Some(value),
            _ => return Err(USAGE.into()),
        }
    }
    let dir = std::env::temp_dir().join(format!("dynvm-throw-{}", std::process::id()));
    std::fs::create_dir_all(&dir)?;
    let table = measure(&dir, rounds, peer.as_deref().map(Path::new));
    std::fs::remove_dir_all(&dir)?;
    print!("{}", table?);
    Ok(())
}

fn measure(dir: &Path, rounds: usize, peer: Option<&Path>) -> Result<String> {
    for (name, text) in [("main", main_text()), ("lib", library_text()), ("plain", plain_text())] {
        std::fs::write(dir.join(name).with_extension("wasm"), wat::parse_str(text)?)?;
    }
    let mut dynvm = Dynvm::new(dir, true)?;
    let mut peer = peer.map(|peer| Peer::start(peer, &dir.join("plain.wasm"))).transpose()?;
    let mut rows = CASES.map(|_| (Samples::default(), Samples::default()));
    for _ in 0..rounds {
        for ((name, _, is_plain), (own, other)) in CASES.iter().zip(&mut rows) {
            own.push(sample(&mut dynvm, name)?);
            if let Some(peer) = peer.as_mut().filter(|_| *is_plain) {
                other.push(sample(peer, name)?);
            }
        }
    }
    let mut table = "| | dynvm, ns | per second | wasmtime, ns | per second |\n".to_owned();
    table += "|---|---|---|---|---|\n";
    for ((_, what, _), (own, other)) in CASES.iter().zip(&rows) {
        writeln!(table, "| {what} | {} | {} |", show(own), show(other))?;
    }
    Ok(table)
}

fn show(samples: &Samples) -> String {
    match samples.median() {
        None => "– | –".to_owned(),
        Some(ns) => format!("{ns:.1} | {:.0}", 1e9 / ns),
    }
}

/// Nanoseconds per iteration.
fn sample(engine: &mut impl Engine, name: &str) -> Result<f64> {
    let (sites, increment) = (1, 1);
    let function =
        Function { name: name.to_owned(), arg: None, sites, increment, is_host_loop: false };
    Ok(engine.time(&function, ITERATIONS)? / f64::from(ITERATIONS))
}

/// Every loop counts what it caught.
fn count(name: &str, body: &str) -> String {
    format!(
        "(func (export \"{name}\") (param $n i32) (result i32) (local $x i32)
           (loop $l
             (block $done (result i32)
               (try_table (catch $tag $done) {body})
               (i32.const 1))
             (local.set $x (i32.add (local.get $x)))
             (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
           (local.get $x))\n"
    )
}

/// The callee of a case calls itself until the depth is 0, and throws.
fn deep(name: &str) -> String {
    format!(
        "(func ${name} (export \"{name}\") (param $depth i32)
           (if (i32.eqz (local.get $depth)) (then (throw $tag (i32.const 1))))
           (call ${name} (i32.sub (local.get $depth) (i32.const 1)))
           (global.set $calls (i32.add (global.get $calls) (i32.const 1))))
         (func $nothing_{name} (param i32) (global.set $calls (local.get 0)))\n"
    )
}

fn loops() -> String {
    count("try_only", "(call $nothing_own (i32.const 0))")
        + &count("inside_0", "(throw $tag (i32.const 1))")
        + &count("inside_1", "(call $own (i32.const 0))")
        + &count("inside_100", "(call $own (i32.const 99))")
}

const CALLS: &str = "(global $calls (mut i32) (i32.const 0))";

fn main_text() -> String {
    format!(
        "(module (@dylink.0 (mem-info) (needed \"lib.wasm\"))
           (import \"env\" \"other\" (func $other (param i32)))
           (import \"env\" \"__cpp_exception\" (tag $tag (param i32)))
           {CALLS} {} {} {} {}
           (func (export \"m0\") (param i32) (result i32) (local.get 0)))",
        deep("own"),
        loops(),
        count("across_1", "(call $other (i32.const 0))"),
        count("across_100", "(call $other (i32.const 99))"),
    )
}

fn library_text() -> String {
    format!(
        "(module (@dylink.0 (mem-info))
           (import \"env\" \"__cpp_exception\" (tag $tag (param i32))) {CALLS} {})",
        deep("other")
    )
}

fn plain_text() -> String {
    format!("(module (tag $tag (param i32)) {CALLS} {} {})", deep("own"), loops())
}
