//! The command line: what the user may say, and what it means.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use dynvm::jit::CompileTime;

/// Everything the command line can ask for.
#[derive(Debug, Parser)]
#[command(
    name = "dynvm",
    version,
    about = "Runs WebAssembly programs that are linked dynamically",
    override_usage = "dynvm [run] [OPTIONS] PROG.wasm [ARGS]...\n       \
                      dynvm ldd|nm|objdump|compile [OPTIONS] FILE\n       \
                      dynvm wast [OPTIONS] FILE...\n       \
                      dynvm link [OPTIONS] -o OUT.wasm PROG.wasm [LIB]...\n       \
                      dynvm cache [--clear]",
    after_help = AFTER_HELP,
    disable_help_subcommand = true
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The command line of a program that is run, without all that is about something else.
#[derive(Debug, Parser)]
#[command(name = "run")]
struct RunAlone {
    #[command(flatten)]
    run: Run,
}

const AFTER_HELP: &str = "\
Options stand before PROG.wasm; whatever follows it belongs to the program.

Environment:
  DYNVM_LIBRARY_PATH  directories to search for libraries, separated by `:`
  DYNVM_CACHE         directory where compiled code is kept (~/.cache/dynvm unless set)
  DYNVM_COMPILE       what --compile says, where it is not given
  DYNVM_DEBUG         what to trace, separated by `,`; `help` lists it

Exit status: the program's own; 2 wrong usage, 127 the program cannot be loaded, 134 it trapped, \
70 a bug of dynvm";

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run a program (what happens without a subcommand)
    #[command(override_usage = "dynvm [run] [OPTIONS] PROG.wasm [ARGS]...", after_help = AFTER_HELP)]
    Run(Run),
    /// Print what would be loaded, from where, and what is missing
    Ldd(Ldd),
    /// Print the symbols that a module defines and needs
    Nm(Nm),
    /// Print the machine code of a module's functions
    Objdump(Objdump),
    /// Run scripts of the official test suite
    Wast(Wast),
    /// Link a program and its libraries into one plain module
    Link(Link),
    /// Compile a program and all that it needs into the cache, without running it
    Compile(Compile),
    /// Show or empty the cache of compiled code
    Cache(CacheCommand),
}

/// Names of the subcommands: a first word that is not one of them is a program.
const SUBCOMMANDS: [&str; 8] = ["run", "ldd", "nm", "objdump", "wast", "link", "compile", "cache"];

/// Where libraries come from, and what the guest may reach.
#[derive(Debug, Default, Args)]
pub struct Search {
    /// Grant a directory of the host to the program, under the name GUEST
    #[arg(long = "dir", value_name = "HOST[::GUEST]")]
    pub dirs: Vec<String>,
    /// Search this directory for libraries before all others
    #[arg(short = 'L', value_name = "DIR")]
    pub library_path: Vec<PathBuf>,
    /// Load this library first: its definitions come before all but the program's
    #[arg(long = "preload", value_name = "LIB")]
    pub preloads: Vec<PathBuf>,
    /// The modules up to `--` are one program: without linking sections, they share a memory and
    /// find each other's exports, the first ones first
    #[arg(long)]
    pub flat: bool,
    /// Where compiled code is kept.
    #[command(flatten)]
    pub cache: CacheOptions,
}

/// Where compiled code is kept.
#[derive(Debug, Default, Args)]
pub struct CacheOptions {
    /// Keep compiled code in this directory
    #[arg(long = "cache", value_name = "DIR", conflicts_with = "no_cache")]
    pub dir: Option<PathBuf>,
    /// Neither use nor keep compiled code
    #[arg(long)]
    pub no_cache: bool,
}

/// What compiled code is like where WebAssembly leaves a choice.
#[derive(Clone, Copy, Debug, Default, Args)]
pub struct CodeOptions {
    /// Give every NaN that arithmetic makes the same bits on every processor. (Relaxed vector
    /// instructions always give the same, with or without this)
    #[arg(long = "canonical-nan", visible_alias = "deterministic")]
    pub is_nan_canonical: bool,
    /// Whether small functions become part of their callers, across libraries too
    #[arg(long, value_name = "WHETHER", default_value = "on")]
    pub inline: Switch,
}

/// Whether something is done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Switch {
    /// It is
    #[default]
    On,
    /// It is not
    Off,
}

/// When functions are compiled.
#[derive(Clone, Copy, Debug, Default, Args)]
pub struct CompileOptions {
    /// When functions are compiled, and how: `lazy` (the default) each when it is called first,
    /// at once, and better when it is called often; `eager` all before the start; `optimizing`
    /// as lazy, but well in the first place; `baseline` as lazy, but never better
    #[arg(long = "compile", value_name = "WHEN")]
    pub time: Option<CompileTime>,
}

/// `dynvm compile PROG.wasm`
#[derive(Debug, Args)]
pub struct Compile {
    /// Directories and libraries.
    #[command(flatten)]
    pub search: Search,
    /// What compiled code does.
    #[command(flatten)]
    pub code: CodeOptions,
    /// When functions that no library defines are an error; as the program will be run
    #[arg(long, value_name = "WHEN", default_value = "now")]
    pub bind: Bind,
    /// The program or library
    #[arg(value_name = "PROG.wasm")]
    pub program: PathBuf,
    /// With `--flat`, the program's other modules
    #[arg(value_name = "LIB.wasm", requires = "flat")]
    pub modules: Vec<PathBuf>,
}

/// `dynvm link -o OUT.wasm PROG.wasm [LIB]...`
#[derive(Debug, Args)]
pub struct Link {
    /// Directories and libraries.
    #[command(flatten)]
    pub search: Search,
    /// Where to write the linked module
    #[arg(short = 'o', long = "output", value_name = "OUT.wasm")]
    pub output: PathBuf,
    /// Export this symbol too
    #[arg(long = "export", value_name = "NAME")]
    pub exports: Vec<String>,
    /// Size of the program's stack in its memory (suffixes K, M, G)
    #[arg(long, value_name = "BYTES", value_parser = parse_size)]
    pub stack_size: Option<u64>,
    /// When functions that no library defines are an error
    #[arg(long, value_name = "WHEN", default_value = "now")]
    pub bind: Bind,
    /// Let `dlopen` and its family be what the libraries define, which mostly fails
    #[arg(long)]
    pub allow_dlfcn: bool,
    /// Print what was linked to stderr
    #[arg(long)]
    pub stats: bool,
    /// The program
    #[arg(value_name = "PROG.wasm")]
    pub program: PathBuf,
    /// Libraries that it gets besides those that it names
    #[arg(value_name = "LIB")]
    pub libraries: Vec<PathBuf>,
}

/// `dynvm cache`
#[derive(Debug, Args)]
pub struct CacheCommand {
    /// Which cache.
    #[command(flatten)]
    pub cache: CacheOptions,
    /// Print where it is and what is in it (the default)
    #[arg(long, conflicts_with = "clear")]
    pub stats: bool,
    /// Remove everything from it
    #[arg(long)]
    pub clear: bool,
}

/// `dynvm [run] [OPTIONS] PROG.wasm [ARGS]...`
#[derive(Debug, Args)]
pub struct Run {
    /// Directories and libraries.
    #[command(flatten)]
    pub search: Search,
    /// What compiled code does.
    #[command(flatten)]
    pub code: CodeOptions,
    /// Set an environment variable of the program, or pass one on
    #[arg(long = "env", value_name = "NAME[=VALUE]")]
    pub env: Vec<String>,
    /// Limit the memory of the program (suffixes K, M, G)
    #[arg(long, value_name = "BYTES", value_parser = parse_size)]
    pub max_memory: Option<u64>,
    /// Limit what the program has on the garbage-collected heap (suffixes K, M, G)
    #[arg(long, value_name = "BYTES", value_parser = parse_size)]
    pub max_gc_heap: Option<u64>,
    /// Collect garbage at every allocation, and move all objects: finds mistakes of dynvm's
    #[arg(long = "gc-stress")]
    pub is_heap_stressed: bool,
    /// Size of the stack that compiled code runs on (suffixes K, M, G)
    #[arg(long, value_name = "BYTES", value_parser = parse_size)]
    pub stack_size: Option<u64>,
    /// End the program after this time, with status 134
    #[arg(long, value_name = "SECONDS", value_parser = parse_seconds)]
    pub timeout: Option<std::time::Duration>,
    /// When functions that no library defines are an error
    #[arg(long, value_name = "WHEN", default_value = "now")]
    pub bind: Bind,
    /// When functions are compiled.
    #[command(flatten)]
    pub compile: CompileOptions,
    /// Call this exported function with ARGS instead of running the program, and print its results
    #[arg(long, value_name = "FUNCTION")]
    pub invoke: Option<String>,
    /// Print what each phase cost to stderr
    #[arg(long)]
    pub stats: bool,
    /// Tell `perf` where code lies: `perfmap`, or `jitdump` for `perf record -k mono` and `perf
    /// inject --jit`
    #[arg(long, value_name = "FORMAT")]
    pub profile: Option<dynvm::Profile>,
    /// The program, and what it gets as arguments
    #[arg(required = true, trailing_var_arg = true, value_names = ["PROG.wasm", "ARGS"])]
    pub program: Vec<OsString>,
}

/// When a function must be defined.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Bind {
    /// When it is called first
    Lazy,
    /// When the program is loaded
    Now,
}

/// `dynvm ldd PROG.wasm`
#[derive(Debug, Args)]
pub struct Ldd {
    /// Directories and libraries.
    #[command(flatten)]
    pub search: Search,
    /// The program or library
    #[arg(value_name = "PROG.wasm")]
    pub program: PathBuf,
    /// With `--flat`, the program's other modules
    #[arg(value_name = "LIB.wasm", requires = "flat")]
    pub modules: Vec<PathBuf>,
}

/// `dynvm nm FILE`
#[derive(Debug, Args)]
pub struct Nm {
    /// The module
    pub file: PathBuf,
}

/// `dynvm objdump FILE [FUNCTION]`
#[derive(Debug, Args)]
pub struct Objdump {
    /// Directories and libraries.
    #[command(flatten)]
    pub search: Search,
    /// What compiled code does.
    #[command(flatten)]
    pub code: CodeOptions,
    /// Print Cranelift's intermediate code instead
    #[arg(long)]
    pub clif: bool,
    /// The module
    pub file: PathBuf,
    /// Only this function: a name, or its index
    pub function: Option<String>,
}

/// `dynvm wast FILE...`
#[derive(Debug, Args)]
pub struct Wast {
    /// When functions are compiled.
    #[command(flatten)]
    pub compile: CompileOptions,
    /// The rules that modules are held to: a version, and proposals, as in 2+memory64
    #[arg(long, value_name = "VERSION", default_value = "3")]
    pub standard: dynvm::jit::Standard,
    /// What compiled code does.
    #[command(flatten)]
    pub code: CodeOptions,
    /// The scripts
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
}

/// Parses the command line, the program's own name first.
///
/// # Errors
/// What was wrong; also the request for help or for the version.
pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Command, clap::Error> {
    let mut arguments: Vec<OsString> = arguments.into_iter().collect();
    let first = arguments.get(1).and_then(|first| first.to_str());
    let is_about_dynvm = matches!(first, None | Some("-h" | "--help" | "-V" | "--version"));
    if !is_about_dynvm && !first.is_some_and(|first| SUBCOMMANDS.contains(&first)) {
        arguments.insert(1, "run".into());
    }
    // To describe all that there is takes longer than to load a small program. What is not right is
    // asked of the whole command line, whose words are those that the user sees.
    if arguments.get(1).is_some_and(|first| first == "run")
        && let Ok(RunAlone { run }) = RunAlone::try_parse_from(&arguments[1..])
    {
        return Ok(Command::Run(run));
    }
    Ok(Cli::try_parse_from(arguments)?.command)
}

/// A number of bytes, with `K`, `M` or `G` for powers of 1024.
fn parse_size(text: &str) -> Result<u64, String> {
    let (digits, shift) = match text.char_indices().last() {
        Some((end, 'k' | 'K')) => (&text[..end], 10),
        Some((end, 'm' | 'M')) => (&text[..end], 20),
        Some((end, 'g' | 'G')) => (&text[..end], 30),
        _ => (text, 0),
    };
    let number: u64 =
        digits.parse().map_err(|_| "expected bytes, as in 65536 or 64M".to_owned())?;
    number.checked_mul(1 << shift).ok_or_else(|| "too large".to_owned())
}

/// A time in seconds, with a fraction or not.
fn parse_seconds(text: &str) -> Result<std::time::Duration, String> {
    let seconds = text.parse().ok().and_then(|it| std::time::Duration::try_from_secs_f64(it).ok());
    seconds.ok_or_else(|| "expected seconds, as in 10 or 0.5".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_run(line: &str, expected: &str) {
        let arguments = std::iter::once("dynvm").chain(line.split_whitespace());
        let found = match parse(arguments.map(OsString::from)) {
            Ok(Command::Run(run)) => format!("dirs {:?} run {:?}", run.search.dirs, run.program),
            Ok(other) => format!("{other:?}"),
            Err(error) => format!("{}", error.kind()),
        };
        assert_eq!(found, expected, "dynvm {line}");
    }

    #[test]
    fn what_follows_the_program_is_its_own() {
        check_run("p.wasm", r#"dirs [] run ["p.wasm"]"#);
        check_run("run p.wasm", r#"dirs [] run ["p.wasm"]"#);
        check_run("--dir . p.wasm", r#"dirs ["."] run ["p.wasm"]"#);
        check_run("run --dir . p.wasm", r#"dirs ["."] run ["p.wasm"]"#);
        check_run("p.wasm --dir .", r#"dirs [] run ["p.wasm", "--dir", "."]"#);
        check_run("p.wasm --help -c x", r#"dirs [] run ["p.wasm", "--help", "-c", "x"]"#);
        check_run("p.wasm -- x", r#"dirs [] run ["p.wasm", "--", "x"]"#);
        check_run("-- p.wasm -x", r#"dirs [] run ["p.wasm", "-x"]"#);
        check_run("run ldd x", r#"dirs [] run ["ldd", "x"]"#);
        check_run("./ldd x", r#"dirs [] run ["./ldd", "x"]"#);
        check_run("--nonsense p.wasm", "unexpected argument found");
        check_run("--dir .", "one or more required arguments were not provided");
    }

    #[track_caller]
    fn check_size(text: &str, expected: Result<u64, &str>) {
        assert_eq!(parse_size(text), expected.map_err(str::to_owned), "{text}");
    }

    #[test]
    fn sizes() {
        check_size("0", Ok(0));
        check_size("65536", Ok(65536));
        check_size("64K", Ok(64 << 10));
        check_size("3m", Ok(3 << 20));
        check_size("4G", Ok(4 << 30));
        check_size("", Err("expected bytes, as in 65536 or 64M"));
        check_size("K", Err("expected bytes, as in 65536 or 64M"));
        check_size("-1", Err("expected bytes, as in 65536 or 64M"));
        check_size("1é", Err("expected bytes, as in 65536 or 64M"));
        check_size("18446744073709551615K", Err("too large"));
    }
}
