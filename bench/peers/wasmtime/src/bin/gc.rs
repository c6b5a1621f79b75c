//! Times `run` of a module in wasmtime: `gc FILE.wasm ARG REPS [COLLECTOR]`. For each repetition a
//! line: seconds and the result; then the most bytes that the process had in memory.

use std::time::Instant;

use wasmtime::{Collector, Config, Engine, Instance, Module, Result, Store, format_err};

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let (file, arg, reps, collector) = match &args[..] {
        [file, arg, reps] => (file, arg, reps, "auto"),
        [file, arg, reps, collector] => (file, arg, reps, collector.as_str()),
        _ => return Err(format_err!("usage: gc FILE.wasm ARG REPS [drc|copying]")),
    };
    let mut config = Config::new();
    config.wasm_gc(true).wasm_function_references(true).max_wasm_stack(8 << 20);
    config.async_stack_size(16 << 20);
    config.collector(match collector {
        "auto" => Collector::Auto,
        "drc" => Collector::DeferredReferenceCounting,
        "copying" => Collector::Copying,
        other => return Err(format_err!("expected drc or copying, found `{other}`")),
    });
    let engine = Engine::new(&config)?;
    let module = Module::new(&engine, std::fs::read(file)?)?;
    let (arg, reps) = (arg.parse()?, reps.parse::<u32>()?);
    let mut store = Store::new(&engine, ());
    let instance = Instance::new(&mut store, &module, &[])?;
    let run = instance.get_typed_func::<i32, i32>(&mut store, "run")?;
    for _ in 0..reps {
        let started = Instant::now();
        let result = run.call(&mut store, arg)?;
        println!("{:.6} {result}", started.elapsed().as_secs_f64());
    }
    let status = std::fs::read_to_string("/proc/self/status")?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let peak = peak.and_then(|peak| peak.split_whitespace().next()).ok_or_else(|| format_err!("no peak"))?;
    println!("peak {}", peak.parse::<u64>()? * 1024);
    Ok(())
}
