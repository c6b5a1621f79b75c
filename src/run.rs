//! `dynvm [run]`: a program with its arguments, its environment and its directories.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::time::Duration;

use dynvm::jit::{CompileTime, Tiers};
use dynvm::vm::Stop;
use dynvm::vm::code::TrapCode;
use dynvm::{Error, Options, Runtime, wasi};

use crate::failure::{Failure, print, say};
use crate::{cache, cli, progress};

/// Directories to search for libraries, separated by colons.
const LIBRARY_PATH: &str = "DYNVM_LIBRARY_PATH";

/// When functions are compiled.
const COMPILE_TIME: &str = "DYNVM_COMPILE";

/// Runs a program to its end; the status is the guest's.
pub fn run(run: &cli::Run) -> Result<u8, Failure> {
    let (program, arguments) = run.program.split_first().expect("the command line requires one");
    let (modules, arguments) = modules(&run.search, arguments);
    let mut options = options(&run.search, &modules, run.code)?;
    options.memory_bytes_max = run.max_memory;
    options.stack_size_bytes = run.stack_size;
    options.heap_bytes_max = run.max_gc_heap;
    options.is_heap_stressed = run.is_heap_stressed;
    options.time_limit = run.timeout;
    options.profile = run.profile;
    options.is_lazy = run.bind == cli::Bind::Lazy;
    options.compile = compile_time(run.compile)?;
    set_world(&mut options.wasi, run, program, arguments)?;

    if let Some(limit) = run.timeout {
        std::thread::spawn(move || end_after(limit));
    }
    let mut runtime = Runtime::open(Path::new(program), &options)?;
    let outcome = match &run.invoke {
        None => runtime.run().map(|status| status as u8).map_err(Failure::from),
        Some(function) => invoke(&mut runtime, function, arguments),
    };
    let outcome = outcome.map_err(|failure| match failure {
        Failure::Runtime(Error::Stop(Stop::Trap(mut trap) | Stop::Exception { mut trap, .. })) => {
            if let (TrapCode::Interrupted, Some(limit)) = (trap.code, run.timeout) {
                trap.detail = Some(time_limit(limit));
            }
            Failure::Trap(runtime.describe(&trap))
        }
        failure => failure,
    });
    if run.stats {
        say(&runtime.statistics());
    }
    runtime.leave();
    outcome
}

/// How long after its time a guest may stay in a host function.
const GRACE: Duration = Duration::from_secs(1);

/// The last resort against a guest that waits in a host function for ever.
fn end_after(limit: Duration) {
    std::thread::sleep(limit + GRACE);
    say(&format_args!("the program waits in a host function: {}", time_limit(limit)));
    std::process::exit(134);
}

fn time_limit(limit: Duration) -> String {
    format!("the time limit of {} s is over", limit.as_secs_f64())
}

/// Calls a function with arguments of the command line and prints what it returns, a line each.
fn invoke(runtime: &mut Runtime, function: &str, arguments: &[OsString]) -> Result<u8, Failure> {
    let arguments = arguments.iter().map(|argument| utf8(argument).map(str::to_owned));
    let arguments = arguments.collect::<Result<Vec<_>, _>>()?;
    let results = runtime.invoke(function, &arguments)?;
    let lines = results.into_iter().map(|result| runtime.describe_value(result) + "\n");
    print(&lines.collect::<String>())?;
    Ok(0)
}

/// When functions are compiled: as the command line says, else as `DYNVM_COMPILE` does, else when
/// they are called.
pub fn compile_time(options: cli::CompileOptions) -> Result<CompileTime, Failure> {
    if let Some(time) = options.time {
        return Ok(time);
    }
    match std::env::var(COMPILE_TIME) {
        Ok(text) => text.parse().map_err(|error| {
            Failure::Usage(format!("bad value `{text}` for {COMPILE_TIME}: {error}"))
        }),
        Err(_) => Ok(CompileTime::Lazy(Tiers::default())),
    }
}

/// The other modules of a flat program, and what is left for the program as its arguments.
fn modules<'a>(search: &cli::Search, arguments: &'a [OsString]) -> (Vec<PathBuf>, &'a [OsString]) {
    if !search.flat {
        return (Vec::new(), arguments);
    }
    let end = arguments.iter().position(|word| word == "--");
    let modules = &arguments[..end.unwrap_or(arguments.len())];
    let rest = end.map_or(&[][..], |end| &arguments[end + 1..]);
    (modules.iter().map(PathBuf::from).collect(), rest)
}

/// What all commands that load have in common; `modules` are those of a flat program.
pub fn options(
    search: &cli::Search,
    modules: &[PathBuf],
    code: cli::CodeOptions,
) -> Result<Options, Failure> {
    let flat = search.flat.then(|| modules.to_vec());
    let mut options = Options { flat, ..Options::default() };
    options.is_nan_canonical = code.is_nan_canonical;
    options.is_inlining_off = code.inline == cli::Switch::Off;
    options.library_dirs.clone_from(&search.library_path);
    if let Some(path) = std::env::var_os(LIBRARY_PATH) {
        let dirs = std::env::split_paths(&path).filter(|dir| !dir.as_os_str().is_empty());
        options.library_dirs.extend(dirs);
    }
    options.preloads.clone_from(&search.preloads);
    options.progress = progress::progress();
    options.cache = cache::open(&search.cache);
    for dir in &search.dirs {
        options.wasi.directory(dir.parse().map_err(Error::from)?);
    }
    Ok(options)
}

/// Arguments, environment and standard streams of the guest.
fn set_world(
    wasi: &mut wasi::Builder,
    run: &cli::Run,
    program: &OsStr,
    arguments: &[OsString],
) -> Result<(), Failure> {
    wasi.inherit_stdio().argument(utf8(program)?);
    if run.invoke.is_none() {
        for argument in arguments {
            wasi.argument(utf8(argument)?);
        }
    }
    for variable in &run.env {
        match variable.split_once('=') {
            Some((name, value)) => _ = wasi.variable(name, value),
            None => {
                if let Some(value) = std::env::var_os(variable) {
                    wasi.variable(variable, utf8(&value)?);
                }
            }
        }
    }
    Ok(())
}

fn utf8(text: &OsStr) -> Result<&str, Failure> {
    text.to_str().ok_or_else(|| Failure::Usage(format!("`{}` is not UTF-8", text.display())))
}
