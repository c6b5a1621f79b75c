//! Prints what calls cost, inside a dso and across: a Markdown table.

use std::path::Path;
use std::process::ExitCode;

use dynvm_bench::Result;
use dynvm_bench::calls::{self, Dynvm, Engine, Function, Peer, Row, Samples};
use dynvm_bench::peers;

const USAGE: &str = "calls [--rounds N] [--only TEXT] [--inline off] [--peers]
  --rounds N   rounds over all cases (default 41); the table shows medians
  --only TEXT  only cases whose name contains this
  --inline off keeps every call a call: over many sites nothing is left of small callees else
  --peers      build bench/peers/wasmtime and measure it in the same rounds";

/// How long one sample takes, about.
const SAMPLE_NS: f64 = 2_000_000.0;

/// Samples of which a round takes the least disturbed.
const SAMPLES_PER_ROUND: usize = 3;

/// Rounds after which everything is loaded anew: where code lies changes what it costs.
const ROUNDS_PER_LOAD: usize = 6;

struct Arguments {
    rounds: usize,
    only: String,
    is_inlining: bool,
    has_peers: bool,
}

fn main() -> ExitCode {
    match arguments().and_then(|arguments| run(&arguments)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("calls: {error}");
            ExitCode::FAILURE
        }
    }
}

fn arguments() -> Result<Arguments> {
    let mut arguments =
        Arguments { rounds: 41, only: String::new(), is_inlining: true, has_peers: false };
    let mut given = std::env::args().skip(1);
    while let Some(option) = given.next() {
        match (option.as_str(), &mut given) {
            ("--rounds", rest) => arguments.rounds = rest.next().ok_or(USAGE)?.parse()?,
            ("--only", rest) => arguments.only = rest.next().ok_or(USAGE)?,
            ("--inline", rest) => match rest.next().as_deref() {
                Some("off") => arguments.is_inlining = false,
                _ => return Err(USAGE.into()),
            },
            ("--peers", _) => arguments.has_peers = true,
            _ => return Err(USAGE.into()),
        }
    }
    Ok(arguments)
}

fn run(arguments: &Arguments) -> Result<()> {
    let dir = std::env::temp_dir().join(format!("dynvm-calls-{}", std::process::id()));
    std::fs::create_dir_all(&dir)?;
    let rows = measure(arguments, &dir);
    std::fs::remove_dir_all(&dir)?;
    println!("{}", Row::HEAD);
    for row in rows? {
        println!("{}", row.line());
    }
    Ok(())
}

fn measure(arguments: &Arguments, dir: &Path) -> Result<Vec<Row>> {
    calls::write_programs(dir)?;
    let plain = dir.join("plain.wasm");
    let peer_program = if arguments.has_peers {
        Some(peers::build("wasmtime", "dynvm-peer-wasmtime")?)
    } else {
        None
    };
    let start_peer = || peer_program.as_ref().map(|peer| Peer::start(peer, &plain)).transpose();
    let start = || Dynvm::new(dir, arguments.is_inlining);
    let (mut dynvm, mut peer) = (start()?, start_peer()?);
    let cases = calls::cases().into_iter().filter(|case| case.what.contains(&arguments.only));
    let mut rows = cases.map(Row::new).collect::<Vec<_>>();
    for round in 0..arguments.rounds {
        if round > 0 && round % ROUNDS_PER_LOAD == 0 {
            (dynvm, peer) = (start()?, start_peer()?);
        }
        for row in &mut rows {
            // Neither side always has the caches that the other left.
            if round % 2 == 0 {
                sample(&mut dynvm, row.case.inside.as_ref(), &mut row.inside)?;
                sample(&mut dynvm, row.case.across.as_ref(), &mut row.across)?;
            } else {
                sample(&mut dynvm, row.case.across.as_ref(), &mut row.across)?;
                sample(&mut dynvm, row.case.inside.as_ref(), &mut row.inside)?;
            }
            if let Some(peer) = &mut peer {
                sample(peer, row.case.peer.as_ref(), &mut row.peer)?;
            }
        }
        eprint!("\rround {} of {}", round + 1, arguments.rounds);
    }
    eprintln!();
    Ok(rows)
}

fn sample(
    engine: &mut impl Engine,
    function: Option<&Function>,
    samples: &mut Samples,
) -> Result<()> {
    let Some(function) = function else { return Ok(()) };
    // A short run warms up, and tells how many iterations fill a sample.
    let trial = 20_000 / function.sites + 1;
    let per_iteration = engine.time(function, trial)? / f64::from(trial);
    let iterations = (SAMPLE_NS / per_iteration).max(1.0) as u32;
    let mut least = f64::INFINITY;
    for _ in 0..SAMPLES_PER_ROUND {
        least = least.min(engine.time(function, iterations)?);
    }
    samples.push(least / f64::from(iterations) / f64::from(function.sites));
    Ok(())
}
