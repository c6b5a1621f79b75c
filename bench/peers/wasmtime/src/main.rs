//! Times functions of a module in wasmtime. Each line of standard input asks for one:
//! `call EXPORT ITERATIONS ARG` or `host-loop EXPORT ITERATIONS -`; the answer is the time in
//! nanoseconds and the result.

use std::hint::black_box;
use std::io::BufRead;
use std::time::Instant;

use wasmtime::{Caller, Engine, Extern, Instance, Linker, Module, Result, Store, format_err};

fn main() -> Result<()> {
    let file = std::env::args().nth(1).ok_or_else(|| format_err!("no module given"))?;
    let engine = Engine::default();
    let module = Module::new(&engine, std::fs::read(file)?)?;
    let mut store = Store::new(&engine, ());
    let mut linker = Linker::new(&engine);
    linker.func_wrap("env", "host_inc", |x: i32| black_box(x).wrapping_add(1))?;
    linker.func_wrap("env", "host_call", |mut caller: Caller<'_, ()>, x: i32| {
        match caller.get_export("m0") {
            Some(Extern::Func(func)) => func.typed::<i32, i32>(&caller)?.call(&mut caller, x),
            _ => Err(format_err!("no function `m0`")),
        }
    })?;
    let instance = linker.instantiate(&mut store, &module)?;
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let words: Vec<&str> = line.split_whitespace().collect();
        let [how, name, iterations, arg] = words[..] else {
            return Err(format_err!("expected four words, found `{line}`"));
        };
        let (elapsed, result) = time(&mut store, &instance, how, name, iterations.parse()?, arg)?;
        println!("{elapsed} {result}");
    }
    Ok(())
}

fn time(
    store: &mut Store<()>,
    instance: &Instance,
    how: &str,
    name: &str,
    iterations: u32,
    arg: &str,
) -> Result<(u128, i32)> {
    if how == "host-loop" {
        let func = instance.get_typed_func::<i32, i32>(&mut *store, name)?;
        let started = Instant::now();
        let mut value = 0;
        for _ in 0..iterations {
            value = func.call(&mut *store, value)?;
        }
        return Ok((started.elapsed().as_nanos(), value));
    }
    if arg == "-" {
        let func = instance.get_typed_func::<u32, i32>(&mut *store, name)?;
        let started = Instant::now();
        let result = func.call(&mut *store, iterations)?;
        return Ok((started.elapsed().as_nanos(), result));
    }
    let func = instance.get_typed_func::<(u32, i32), i32>(&mut *store, name)?;
    let started = Instant::now();
    let result = func.call(&mut *store, (iterations, arg.parse()?))?;
    Ok((started.elapsed().as_nanos(), result))
}
