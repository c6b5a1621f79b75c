//! Prints what linking costs, beside the system's `ld.so`: Markdown tables.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use dynvm_bench::Result;
use dynvm_bench::link::{self, Dynvm, Graph, Native, Table};

const USAGE: &str = "link [--rounds N] [--only TEXT] [--dir DIR] [--peers]
  --rounds N   rounds over all graphs (default 11); the tables show medians
  --only TEXT  only graphs whose name contains this
  --dir DIR    where to write the graphs (default: a folder that is removed)
  --peers      compile the graphs as C too, and let the system's ld.so open them in the same rounds";

/// How often a library is opened and closed for one sample.
const CYCLES: u32 = 200;

struct Arguments {
    rounds: usize,
    only: String,
    dir: Option<PathBuf>,
    has_peers: bool,
}

fn main() -> ExitCode {
    match arguments().and_then(|arguments| run(&arguments)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("link: {error}");
            ExitCode::FAILURE
        }
    }
}

fn arguments() -> Result<Arguments> {
    let mut arguments = Arguments { rounds: 11, only: String::new(), dir: None, has_peers: false };
    let mut given = std::env::args().skip(1);
    while let Some(option) = given.next() {
        match (option.as_str(), &mut given) {
            ("--rounds", rest) => arguments.rounds = rest.next().ok_or(USAGE)?.parse()?,
            ("--only", rest) => arguments.only = rest.next().ok_or(USAGE)?,
            ("--dir", rest) => arguments.dir = Some(rest.next().ok_or(USAGE)?.into()),
            ("--peers", _) => arguments.has_peers = true,
            _ => return Err(USAGE.into()),
        }
    }
    Ok(arguments)
}

fn run(arguments: &Arguments) -> Result<()> {
    if let Some(dir) = &arguments.dir {
        return measure(arguments, dir);
    }
    let dir = std::env::temp_dir().join(format!("dynvm-link-{}", std::process::id()));
    std::fs::create_dir_all(&dir)?;
    let measured = measure(arguments, &dir);
    std::fs::remove_dir_all(&dir)?;
    measured
}

fn measure(arguments: &Arguments, dir: &Path) -> Result<()> {
    let mut graphs = link::graphs();
    graphs.retain(|graph| graph.name.contains(&arguments.only));
    let dynvm = Dynvm::new(&dir.join("wasm"), &graphs)?;
    let native = if arguments.has_peers {
        eprintln!("compiling the graphs as C");
        Some(Native::new(&dir.join("native"), &graphs)?)
    } else {
        None
    };
    let mut table = Table::new(&graphs);
    for round in 0..arguments.rounds {
        for (position, graph) in graphs.iter().enumerate() {
            let load_native = || native.as_ref().map(|native| native.load(graph)).transpose();
            // Neither side always comes first.
            let (load, natively) = if round % 2 == 0 {
                let load = dynvm.load(graph)?;
                (load, load_native()?)
            } else {
                let natively = load_native()?;
                (dynvm.load(graph)?, natively)
            };
            table.add(position, load, natively);
        }
        eprint!("\rround {} of {}", round + 1, arguments.rounds);
    }
    eprintln!();
    println!("{table}");
    let largest = graphs.iter().rfind(|graph| graph.libraries.len() == 2);
    if let Some(graph) = largest {
        look_up(arguments.rounds, graph, &dynvm, native.as_ref())?;
    }
    Ok(())
}

/// `dlsym`, and `dlopen` with `dlclose`, of the library with the most exports and the least.
fn look_up(rounds: usize, graph: &Graph, dynvm: &Dynvm, native: Option<&Native>) -> Result<()> {
    let (mut symbols, mut cycles) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        let natively = native.map(|native| native.look_up(graph)).transpose()?;
        symbols.push((dynvm.look_up(graph)?, natively));
        let natively = native.map(|native| native.open_close(graph, CYCLES)).transpose()?;
        cycles.push((dynvm.open_close(graph, CYCLES)?, natively));
    }
    println!("| | dynvm, µs | per second | native, µs | ÷ native |\n|---|---|---|---|---|");
    print_row(&format!("dlsym among {} symbols", graph.size), &symbols);
    print_row(&format!("dlopen and dlclose of {} exports", graph.size), &cycles);
    Ok(())
}

fn print_row(name: &str, samples: &[(Duration, Option<Duration>)]) {
    let micros = |time: &Duration| time.as_secs_f64() * 1e6;
    let ours = link::median(samples.iter().map(|(ours, _)| micros(ours)).collect());
    let both = samples
        .iter()
        .filter_map(|(ours, natively)| Some((micros(ours), micros(natively.as_ref()?))));
    let both: Vec<(f64, f64)> = both.collect();
    let native = link::median(both.iter().map(|(_, native)| *native).collect());
    let ratio = link::median(both.iter().map(|(ours, native)| ours / native).collect());
    let per_second = 1e6 / ours;
    println!("| {name} | {ours:.3} | {per_second:.0} | {native:.3} | {ratio:.2} |");
}
