//! Builds everything, measures dynvm beside its peers, and writes tables and plots into `bench/`.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::{env, fs};

use dynvm_bench::Result;
use dynvm_bench::suite::{
    Group, Program, Sample, markdown, peak_memory_mib, plot, replace_between, wall_seconds,
};

const USAGE: &str = "all [--rounds N] [--quick]
  --rounds N   rounds over all cases (default 7); tables show medians
  --quick      only startup, kernels and memory: not what `calls` and `link` print";

/// The kernels of `bench/kernels`, each with a size that takes some 0.1 s.
const KERNELS: [(&str, u32); 8] = [
    ("sieve", 4096),
    ("matmul", 250),
    ("mandelbrot", 500),
    ("sort", 512),
    ("crc", 24),
    ("calls", 32),
    ("dispatch", 8192),
    ("words", 4096),
];

/// Calls of a kernel in one process; the fastest counts.
const REPETITIONS: &str = "3";

/// The lines of the README between which its figures stand.
const MARKS: (&str, &str) = ("<!-- bench: figures -->", "<!-- bench: end -->");

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("all: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let (mut rounds, mut is_quick) = (7, false);
    let mut given = env::args().skip(1);
    while let Some(option) = given.next() {
        match option.as_str() {
            "--rounds" => rounds = given.next().ok_or(USAGE)?.parse()?,
            "--quick" => is_quick = true,
            _ => return Err(USAGE.into()),
        }
    }
    let world = World::build()?;
    let groups = [world.startup(rounds)?, world.kernels(rounds)?, world.memory(rounds)?];
    world.write(&groups, is_quick)
}

/// Where everything is.
struct World {
    root: PathBuf,
    dynvm: PathBuf,
    runner: PathBuf,
    native: PathBuf,
    /// node, where the machine has it.
    node: Option<PathBuf>,
    /// CPython as shared libraries, where it was fetched.
    python: Option<PathBuf>,
    /// A cache of its own.
    cache: PathBuf,
}

impl World {
    fn build() -> Result<World> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize()?;
        run_command(Command::new("cargo").current_dir(&root).args([
            "build",
            "--release",
            "--quiet",
            "-p",
            "dynvm",
            "-p",
            "dynvm-bench",
            "--bins",
        ]))?;
        let binaries = env::current_exe()?.parent().map(Path::to_owned).unwrap_or_default();
        let work = env::temp_dir().join(format!("dynvm-bench-{}", std::process::id()));
        fs::create_dir_all(&work)?;
        let native = work.join("kernels");
        let source = root.join("bench/peers/native/kernels.c");
        let compiler = env::var("CC").unwrap_or_else(|_| "cc".to_owned());
        run_command(Command::new(compiler).args(["-O3", "-o"]).arg(&native).arg(source))?;
        let home = env::var_os("HOME").map(PathBuf::from).unwrap_or_default();
        let toolchain = env::var_os("DYNVM_TOOLCHAIN").map(PathBuf::from);
        let toolchain = toolchain.unwrap_or_else(|| home.join(".cache/dynvm-toolchain"));
        let has_node = Command::new("node").arg("--version").output().is_ok();
        Ok(World {
            dynvm: binaries.join("dynvm"),
            runner: binaries.join("runner"),
            native,
            node: has_node.then(|| "node".into()),
            python: Some(toolchain).filter(|dir| dir.join("py314/python3.14.wasm").exists()),
            cache: work.join("cache"),
            root,
        })
    }

    /// The programs that are started whole.
    fn programs(&self) -> Vec<(&'static str, Vec<String>)> {
        let hello = self.root.join("examples/hello/main.wasm");
        let mut programs = vec![("hello, 4 modules", vec![hello.display().to_string()])];
        if let Some(dir) = &self.python {
            let at = |part: &str| dir.join(part).display().to_string();
            let stdlib = format!("{}::/py", at("py314/stdlib"));
            let words = [
                "-L",
                &at("py314"),
                "-L",
                &at("lib"),
                "--dir",
                &stdlib,
                "--env",
                "PYTHONHOME=/py",
                "--env",
                "PYTHONPATH=/py",
                &at("py314/python3.14.wasm"),
                "-c",
                "pass",
            ];
            programs.push(("CPython 3.14 -c pass", words.map(str::to_owned).to_vec()));
        }
        programs
    }

    fn dynvm(&self, options: &[&str], program: &[String]) -> Program {
        let mut dynvm = Program::new(&self.dynvm, options);
        dynvm.arguments.extend_from_slice(program);
        let cache = self.cache.display().to_string();
        dynvm.variables.push(("DYNVM_CACHE".to_owned(), cache));
        dynvm
    }

    fn startup(&self, rounds: usize) -> Result<Group> {
        let systems = ["dynvm, cached", "dynvm, --compile lazy, no cache", "dynvm, no cache"];
        let options: [&[&str]; 3] = [&[], &["--no-cache", "--compile", "lazy"], &["--no-cache"]];
        let mut group = self.group("Startup", "milliseconds, whole process", "startup", &systems);
        let mut cases: Vec<(String, Sample<'_>)> = Vec::new();
        for (name, program) in self.programs() {
            let sample = move |system: usize| {
                let program = self.dynvm(options[system], &program);
                if system == 0 {
                    // What it finds there was put there by the run before.
                    program.output()?;
                }
                Ok(Some(wall_seconds(&program)? * 1000.0))
            };
            cases.push((name.to_owned(), Box::new(sample)));
        }
        group.measure(rounds, cases)?;
        Ok(group)
    }

    fn memory(&self, rounds: usize) -> Result<Group> {
        let systems = ["dynvm, cached", "dynvm, no cache"];
        let options: [&[&str]; 2] = [&[], &["--no-cache"]];
        let mut group = self.group("Memory", "MiB at most, whole process", "memory", &systems);
        let mut cases: Vec<(String, Sample<'_>)> = Vec::new();
        for (name, program) in self.programs() {
            let sample = move |system: usize| {
                let program = self.dynvm(options[system], &program);
                peak_memory_mib(&program).map(Some)
            };
            cases.push((name.to_owned(), Box::new(sample)));
        }
        group.measure(rounds.min(3), cases)?;
        Ok(group)
    }

    fn kernels(&self, rounds: usize) -> Result<Group> {
        let systems = ["dynvm", "native, cc -O3", "node"];
        let mut group = self.group("Kernels", "milliseconds, SIMD on", "kernels", &systems);
        let wasm = self.root.join("bench/kernels/kernels.wasm").display().to_string();
        let script = self.root.join("bench/peers/node/kernels.mjs").display().to_string();
        let mut cases: Vec<(String, Sample<'_>)> = Vec::new();
        for (kernel, size) in KERNELS {
            let size = size.to_string();
            let (wasm, script) = (wasm.clone(), script.clone());
            let mut checksum = None;
            let sample = move |system: usize| {
                let words = [kernel, &size, REPETITIONS];
                let program = match system {
                    0 => Program::new(&self.runner, &[&["kernel", &wasm][..], &words].concat()),
                    1 => Program::new(&self.native, &words),
                    _ => {
                        let Some(node) = &self.node else { return Ok(None) };
                        Program::new(node, &[&[&*script, &wasm][..], &words].concat())
                    }
                };
                fastest(&program.output()?, &mut checksum).map(|seconds| Some(seconds * 1000.0))
            };
            cases.push((kernel.to_owned(), Box::new(sample)));
        }
        group.measure(rounds, cases)?;
        Ok(group)
    }

    fn group(
        &self,
        title: &str,
        unit: &'static str,
        name: &'static str,
        systems: &[&str],
    ) -> Group {
        let systems = systems.iter().map(|system| (*system).to_owned()).collect();
        Group { title: title.to_owned(), unit, name, systems, cases: Vec::new() }
    }

    /// Writes `bench/FIGURES.md`, the plots, and what the README shows of them.
    fn write(&self, groups: &[Group], is_quick: bool) -> Result<()> {
        let bench = self.root.join("bench");
        fs::create_dir_all(bench.join("plots"))?;
        let mut text = "# Figures\n\nWritten by `cargo run --release -p dynvm-bench --bin all`: \
                        medians of interleaved rounds; in brackets how often a figure is that of \
                        the first column.\n"
            .to_owned();
        for group in groups {
            plot(group, &bench.join(format!("plots/{}.svg", group.name)))?;
            text.push('\n');
            text.push_str(&markdown(group));
        }
        if !is_quick {
            for (title, tool) in [("Calls, ns", "calls"), ("Linking", "link")] {
                let printed = Program::new(self.runner.with_file_name(tool), &[]).output()?;
                text.push_str(&format!("\n### {title}\n\n{}", printed.trim_start()));
            }
        }
        fs::write(bench.join("FIGURES.md"), text)?;
        let shown: String = groups.iter().map(markdown).collect::<Vec<_>>().join("\n");
        let shown = shown.replace("](plots/", "](bench/plots/");
        let readme = self.root.join("README.md");
        let replaced = replace_between(&fs::read_to_string(&readme)?, MARKS, shown.trim_end())?;
        Ok(fs::write(readme, replaced)?)
    }
}

impl Drop for World {
    fn drop(&mut self) {
        // Nothing depends on it being gone.
        let _ = self.native.parent().map(fs::remove_dir_all);
    }
}

/// The least of the seconds printed, if every checksum is the one that all systems gave.
fn fastest(printed: &str, checksum: &mut Option<f64>) -> Result<f64> {
    let mut least = f64::INFINITY;
    for line in printed.lines() {
        let words = line.split_once(' ').ok_or("expected seconds and a checksum")?;
        let (seconds, found) = (words.0.parse::<f64>()?, words.1.parse::<f64>()?);
        let expected = *checksum.get_or_insert(found);
        if found != expected {
            return Err(format!("expected the checksum {expected}, found {found}").into());
        }
        least = least.min(seconds);
    }
    Ok(least)
}

fn run_command(command: &mut Command) -> Result<()> {
    let status = command.status().map_err(|error| format!("{command:?}: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("{command:?}: {status}").into()) }
}
