//! WebAssembly in wasmtime.
//!
//! | command | |
//! |---|---|
//! | `[--dir HOST[::GUEST]] [--env K=V] FILE [ARGS]...` | runs a WASI command; the exit status is its, 134 if it traps |
//! | `precompile IN OUT.cwasm` | compiles it: `FILE` may be such a file too |
//! | `compile FILE THREADS` | prints seconds, bytes of wasm, bytes of what was made |
//! | `kernel FILE EXPORT ARG REPS` | prints seconds and result of each call of an `(i32) -> f64` |

use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;
use std::{env, fs};

use wasmtime::{Config, Engine, Instance, Linker, Module, Result, Store, format_err};
use wasmtime_wasi::p1::{self, WasiP1Ctx};
use wasmtime_wasi::{FsPerms, I32Exit, WasiCtxBuilder};

fn main() -> Result<ExitCode> {
    let words: Vec<String> = env::args().skip(1).collect();
    match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["precompile", from, to] => {
            fs::write(to, engine(true)?.precompile_module(&fs::read(from)?)?)?;
        }
        ["compile", file, threads] => compile(file, threads.parse()?)?,
        ["kernel", file, export, arg, reps] => kernel(file, export, arg.parse()?, reps.parse()?)?,
        _ => return run(words),
    }
    Ok(ExitCode::SUCCESS)
}

fn engine(is_parallel: bool) -> Result<Engine> {
    let mut config = Config::new();
    config.wasm_exceptions(true).wasm_function_references(true).wasm_gc(true);
    config.max_wasm_stack(1 << 20);
    config.parallel_compilation(is_parallel);
    Engine::new(&config)
}

fn run(words: Vec<String>) -> Result<ExitCode> {
    let mut words = words.into_iter().peekable();
    let mut wasi = WasiCtxBuilder::new();
    wasi.inherit_stdio();
    while let Some(option) = words.next_if(|word| word.starts_with("--")) {
        let value = words.next().ok_or_else(|| format_err!("`{option}` needs a value"))?;
        match option.as_str() {
            "--dir" => {
                let (host, guest) = value.split_once("::").unwrap_or((&value, &value));
                wasi.preopened_dir(host, guest, FsPerms::ReadWrite)?;
            }
            "--env" => {
                let (key, value) = value.split_once('=').unwrap_or((&value, ""));
                wasi.env(key, value);
            }
            _ => return Err(format_err!("unknown option `{option}`")),
        }
    }
    let arguments: Vec<String> = words.collect();
    let file = arguments.first().ok_or_else(|| format_err!("no program given"))?;
    wasi.args(&arguments);

    let engine = engine(true)?;
    let module = if Path::new(file).extension().is_some_and(|ending| ending == "cwasm") {
        // SAFETY: `precompile` wrote the file, for whoever started both.
        unsafe { Module::deserialize_file(&engine, file)? }
    } else {
        Module::new(&engine, fs::read(file)?)?
    };
    let mut linker: Linker<WasiP1Ctx> = Linker::new(&engine);
    p1::add_to_linker_sync(&mut linker, |context| context)?;
    let mut store = Store::new(&engine, wasi.build_p1());
    let instance = linker.instantiate(&mut store, &module)?;
    let start = instance.get_typed_func::<(), ()>(&mut store, "_start")?;
    match start.call(&mut store, ()) {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(error) => match error.downcast_ref::<I32Exit>() {
            Some(status) => Ok(ExitCode::from(status.0 as u8)),
            None => {
                eprintln!("{error:?}");
                Ok(ExitCode::from(134))
            }
        },
    }
}

fn compile(file: &str, threads: usize) -> Result<()> {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build_global()?;
    let engine = engine(threads > 1)?;
    let wasm = fs::read(file)?;
    let started = Instant::now();
    let made = engine.precompile_module(&wasm)?;
    println!("{:.6} {} {}", started.elapsed().as_secs_f64(), wasm.len(), made.len());
    Ok(())
}

fn kernel(file: &str, export: &str, arg: i32, reps: u32) -> Result<()> {
    let engine = engine(true)?;
    let module = Module::new(&engine, fs::read(file)?)?;
    let mut store = Store::new(&engine, ());
    let instance = Instance::new(&mut store, &module, &[])?;
    let func = instance.get_typed_func::<i32, f64>(&mut store, export)?;
    for _ in 0..reps {
        let started = Instant::now();
        let result = func.call(&mut store, arg)?;
        println!("{:.6} {result}", started.elapsed().as_secs_f64());
    }
    Ok(())
}
