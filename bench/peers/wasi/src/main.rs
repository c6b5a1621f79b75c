//! Runs a WASI command in wasmtime: `[--dir HOST[::GUEST]] [--env K=V] FILE [ARGS]...`. The exit
//! status is the program's, 134 if it traps.

use std::process::ExitCode;

use wasmtime::{Config, Engine, Linker, Module, Result, Store, format_err};
use wasmtime_wasi::p1::{self, WasiP1Ctx};
use wasmtime_wasi::{FsPerms, I32Exit, WasiCtxBuilder};

fn main() -> Result<ExitCode> {
    let mut words = std::env::args().skip(1).peekable();
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

    let mut config = Config::new();
    config.wasm_exceptions(true).wasm_function_references(true).wasm_gc(true);
    config.max_wasm_stack(1 << 20);
    let engine = Engine::new(&config)?;
    let module = Module::new(&engine, std::fs::read(file)?)?;
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
