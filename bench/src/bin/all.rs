//! Builds everything, measures dynvm beside its peers, and writes tables and plots into `bench/`.

use std::process::ExitCode;
use std::{env, fs};

use dynvm_bench::Result;
use dynvm_bench::suite::{self, Group, Program, World, markdown, plot, replace_between};

const USAGE: &str = "all [--rounds N] [--only TEXT] [--peers] [--quick] [--write]
  --rounds N   rounds over all cases (default 11); tables show medians
  --only TEXT  only groups whose name contains this: startup, calls, kernels, compile, memory
  --peers      build bench/peers and measure wasmtime, and node where it is, in the same rounds
  --quick      not what `calls`, `link`, `throw` and `gc` print
  --write      write bench/FIGURES.md, the plots and what the README shows, besides printing";

/// The lines of the README between which its figures stand.
const MARKS: (&str, &str) = ("<!-- bench: figures -->", "<!-- bench: end -->");

struct Arguments {
    rounds: usize,
    only: String,
    has_peers: bool,
    is_quick: bool,
    writes: bool,
}

fn main() -> ExitCode {
    match arguments().and_then(|arguments| run(&arguments)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("all: {error}");
            ExitCode::FAILURE
        }
    }
}

fn arguments() -> Result<Arguments> {
    let [has_peers, is_quick, writes] = [false; 3];
    let only = String::new();
    let mut arguments = Arguments { rounds: 11, only, has_peers, is_quick, writes };
    let mut given = env::args().skip(1);
    while let Some(option) = given.next() {
        match option.as_str() {
            "--rounds" => arguments.rounds = given.next().ok_or(USAGE)?.parse()?,
            "--only" => arguments.only = given.next().ok_or(USAGE)?,
            "--peers" => arguments.has_peers = true,
            "--quick" => arguments.is_quick = true,
            "--write" => arguments.writes = true,
            _ => return Err(USAGE.into()),
        }
    }
    Ok(arguments)
}

fn run(arguments: &Arguments) -> Result<()> {
    let world = World::build(arguments.has_peers)?;
    let groups = measure(&world, arguments)?;
    let mut text = String::new();
    for group in &groups {
        text.push_str(&markdown(group));
        text.push('\n');
    }
    println!("{text}");
    let more = if arguments.is_quick { String::new() } else { other_tables(&world, arguments)? };
    println!("{more}");
    if arguments.writes { write(&world, &groups, &text, &more) } else { Ok(()) }
}

fn measure(world: &World, arguments: &Arguments) -> Result<Vec<Group>> {
    let rounds = arguments.rounds;
    let wants = |name: &str| name.contains(&arguments.only);
    let guests = if wants("startup") || wants("memory") { world.guests()? } else { Vec::new() };
    let mut groups = Vec::new();
    if wants("startup") {
        groups.push(suite::startup(world, &guests, rounds)?);
    }
    if wants("calls") {
        groups.push(suite::calls(world, rounds)?);
    }
    if wants("kernels") {
        groups.push(suite::kernels(world, rounds)?);
    }
    if wants("compile") {
        groups.extend(Some(suite::compile(world, rounds)?).filter(|group| !group.cases.is_empty()));
    }
    if wants("memory") {
        groups.push(suite::memory(world, &guests, rounds)?);
    }
    Ok(groups)
}

/// What the other programs of `bench` print.
fn other_tables(world: &World, arguments: &Arguments) -> Result<String> {
    let mut text = String::new();
    let titles = [("Calls, all cases", "calls"), ("Linking", "link"), ("Garbage collection", "gc")];
    for (title, tool) in titles {
        let options: &[&str] = if arguments.has_peers { &["--peers"] } else { &[] };
        let printed = Program::new(world.runner.with_file_name(tool), options).output()?;
        text.push_str(&format!("### {title}\n\n{}\n\n", printed.trim()));
    }
    Ok(text)
}

/// Writes `bench/FIGURES.md`, the plots, and what the README shows of them.
fn write(world: &World, groups: &[Group], text: &str, more: &str) -> Result<()> {
    let bench = world.root.join("bench");
    fs::create_dir_all(bench.join("plots"))?;
    for group in groups {
        plot(group, &bench.join(format!("plots/{}.svg", group.name)))?;
    }
    let head = "# Figures\n\nWritten by `cargo run --release -p dynvm-bench --bin all -- --peers \
                --write`: medians of interleaved rounds; in brackets the median of the rounds' \
                ratios to the first column.\n";
    let figures = format!("{head}\n{text}{more}");
    fs::write(bench.join("FIGURES.md"), format!("{}\n", figures.trim_end()))?;
    let shown = text.replace("](plots/", "](bench/plots/").replace("### ", "#### ");
    let readme = world.root.join("README.md");
    let replaced = replace_between(&fs::read_to_string(&readme)?, MARKS, shown.trim_end())?;
    Ok(fs::write(readme, replaced)?)
}
