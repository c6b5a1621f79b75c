//! One column of a harness that measures many engines: see `bench/README.md` for the commands.

use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::Arc;
use std::time::Instant;
use std::{env, fs};

use dynvm_bench::Result;
use dynvm_bench::modules::Modules;
use dynvm_bench::preloaded::Preloaded;
use dynvm_jit::{CompileTime, Tiers, Unit};
use dynvm_vm::value::Value;

const USAGE: &str = "runner micro DIR TEST ITERS REPS | link DIR N | link-pre DIR N | compile FILE THREADS | \
                     kernel FILE EXPORT ARG REPS | hello FILE | precompile IN OUT | \
                     hello-pre FILE | asm FILE | clif FILE | assemble IN OUT | version";

fn main() -> ExitCode {
    let args = env::args().skip(1).collect::<Vec<_>>();
    match run(&args.iter().map(String::as_str).collect::<Vec<_>>()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("runner: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &[&str]) -> Result<()> {
    match args {
        ["micro", dir, test, iterations, reps] => {
            micro(Path::new(dir), test, iterations.parse()?, reps.parse()?)
        }
        ["link", dir, count] => link(Path::new(dir), count.parse()?, None),
        ["link-pre", dir, count] => {
            let cache = env::temp_dir().join(format!("dynvm-link-pre-{}", std::process::id()));
            let linked = link(Path::new(dir), count.parse()?, Some(cache.clone()));
            fs::remove_dir_all(cache)?;
            linked
        }
        ["compile", file, threads] => compile(Path::new(file), threads.parse()?),
        ["kernel", file, export, arg, reps] => {
            kernel(Path::new(file), export, arg.parse()?, reps.parse()?)
        }
        ["hello", file] => become_dynvm(&["--no-cache", file]),
        ["precompile", from, to] => {
            fs::copy(from, to)?;
            become_dynvm(&["compile", "--cache", &cache_of(to), to])
        }
        ["hello-pre", file] => become_dynvm(&["--cache", &cache_of(file), file]),
        ["asm", file] => print_code(Path::new(file), true),
        ["clif", file] => print_code(Path::new(file), false),
        ["assemble", from, to] => Ok(fs::write(to, wat::parse_file(from)?)?),
        ["version"] => {
            println!("dynvm {}", env!("CARGO_PKG_VERSION"));
            Ok(())
        }
        _ => Err(USAGE.into()),
    }
}

/// The program `dynvm` beside this one takes its place: what it costs is all that is measured.
fn become_dynvm(arguments: &[&str]) -> Result<()> {
    let dynvm = env::current_exe()?.with_file_name("dynvm");
    let error = Command::new(&dynvm).args(arguments).exec();
    Err(format!("{}: {error}", dynvm.display()).into())
}

/// Where the code of a precompiled program is.
fn cache_of(program: &str) -> String {
    format!("{program}.cache")
}

/// A line of `tests.txt`: modules in order, the one whose `run` is timed, and by how much its
/// result grows in an iteration.
struct Test {
    modules: Vec<String>,
    main: String,
    increment: i64,
}

fn test(dir: &Path, name: &str) -> Result<Test> {
    let text = fs::read_to_string(dir.join("tests.txt"))?;
    let lines = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    for line in lines {
        let [found, modules, main, increment, ..] = *line else { continue };
        if found == name {
            let modules = modules.split(',').map(str::to_owned).collect();
            return Ok(Test { modules, main: main.to_owned(), increment: increment.parse()? });
        }
    }
    Err(format!("no test `{name}` in {}", dir.display()).into())
}

fn micro(dir: &Path, name: &str, iterations: u32, reps: u32) -> Result<()> {
    let test = test(dir, name)?;
    let mut modules = Modules::new()?;
    for module in &test.modules {
        modules.add(module, fs::read(dir.join(module).with_extension("wasm"))?)?;
    }
    let check = |result: i32, count: u32| {
        let expected = i64::from(count).wrapping_mul(test.increment) as i32;
        if result == expected {
            Ok(())
        } else {
            Err(format!("expected {expected}, found {result}"))
        }
    };
    let is_host_loop = name == "M8b";
    let func = modules.func(&test.main, if is_host_loop { "inc" } else { "run" })?;
    // The first round warms up and is not printed.
    let typed = modules.process_mut().get_typed::<(i32,), i32>(func)?;
    for (rep, count) in std::iter::once(1000).chain((0..reps).map(|_| iterations)).enumerate() {
        let started = Instant::now();
        let result = if is_host_loop {
            let mut value = 0;
            for _ in 0..count {
                value = typed.call(modules.process_mut(), (value,))?;
            }
            value
        } else {
            call_i32(&mut modules, func, count.cast_signed())?
        };
        let elapsed = started.elapsed();
        check(result, count)?;
        if rep > 0 {
            println!("{:.4}", elapsed.as_nanos() as f64 / f64::from(count));
        }
    }
    Ok(())
}

fn call_i32(modules: &mut Modules, func: dynvm_vm::context::FuncId, arg: i32) -> Result<i32> {
    match modules.call(func, &[Value::I32(arg)])?[..] {
        [Value::I32(result)] => Ok(result),
        ref other => Err(format!("expected an i32, found {other:?}").into()),
    }
}

/// Loads modules as `dynvm` does by default: functions are compiled when they are first called.
fn link(dir: &Path, count: usize, cache: Option<PathBuf>) -> Result<()> {
    if let Some(cache) = &cache {
        // What peers call precompiling, and do not count: all functions, into a cache.
        let mut eager = Preloaded::open(dir, count, Some(cache.clone()), CompileTime::Eager)?;
        eager.call_each(count)?;
    }
    let mut modules = Preloaded::open(dir, count, cache, CompileTime::Lazy(Tiers::default()))?;
    let (calls, value) = modules.call_each(count)?;
    let (total, compile) = (modules.total, modules.compile());
    println!(
        "{:.6} {:.6} {:.6} {:.6} {value}",
        total.as_secs_f64(),
        compile.as_secs_f64(),
        (total - compile).as_secs_f64(),
        calls.as_secs_f64(),
    );
    Ok(())
}

fn compile(file: &Path, threads: usize) -> Result<()> {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build_global()?;
    let bytes = fs::read(file)?;
    let len = bytes.len();
    let mut modules = Modules::new()?;
    let started = Instant::now();
    let module = Arc::new(dynvm_jit::decode(bytes)?);
    let decoded = started.elapsed();
    // Making imports up is no part of it.
    let id = modules.bind_alone(&module)?;
    let started = Instant::now();
    let code = modules.compiler().compile(&Unit::new(modules.process(), id))?;
    let elapsed = decoded + started.elapsed();
    let code_bytes = code.iter().map(|code| code.bytes.len()).sum::<usize>();
    println!("{:.6} {len} {code_bytes}", elapsed.as_secs_f64());
    Ok(())
}

fn kernel(file: &Path, export: &str, arg: i32, reps: u32) -> Result<()> {
    let mut modules = Modules::new()?;
    modules.add("kernel", fs::read(file)?)?;
    let func = modules.func("kernel", export)?;
    for _ in 0..reps {
        let started = Instant::now();
        let result = modules.call(func, &[Value::I32(arg)])?;
        let elapsed = started.elapsed().as_secs_f64();
        match result[..] {
            [Value::F64(result)] => println!("{elapsed:.6} {result}"),
            ref other => return Err(format!("expected an f64, found {other:?}").into()),
        }
    }
    Ok(())
}

/// Prints the code of a module's functions: instructions, or what they were made from.
fn print_code(file: &Path, is_asm: bool) -> Result<()> {
    let bytes = fs::read(file)?;
    let mut modules = Modules::new()?;
    let module = Arc::new(dynvm_jit::decode(bytes)?);
    let id = modules.bind_alone(&module)?;
    let unit = Unit::new(modules.process(), id);
    for index in 0..module.bodies.len() as u32 {
        let func = dynvm_vm::types::DefinedFuncIndex(index);
        let name = module.func_name(dynvm_vm::types::FuncIndex(module.imported_functions + index));
        let code = if is_asm {
            modules.compiler().asm(&unit, func)?
        } else {
            modules.compiler().clif(&unit, func)?
        };
        println!("; {name}\n{code}");
    }
    Ok(())
}
