//! What calls cost: inside a dso, across, and natively through the procedure linkage table.

use super::world::World;
use super::{Group, Sample};
use crate::Result;
use crate::calls::{self, Dynvm, Engine, Function, Peer};
use crate::peers;

/// How long one sample takes, about.
const SAMPLE_NS: f64 = 2_000_000.0;

/// A case: its name, and the function that each system runs.
struct Row {
    name: String,
    /// Whether calls stay calls. Of so many that store to one word the last is all that is left
    /// else, and its sum is a constant.
    is_kept: bool,
    functions: [Option<Function>; 5],
}

/// Calls of a function that stores a word and adds one, in a hot loop and over many sites.
///
/// # Errors
/// If a program cannot be built, or gives another result than it should.
pub fn calls(world: &World, rounds: usize) -> Result<Group> {
    let systems =
        ["dynvm, across", "dynvm, inside", "wasmtime, inside", "native, inside", "native, PLT"];
    let mut group = world.group(("Calls", "calls"), "nanoseconds a call", &systems);
    let dir = world.work.join("calls");
    std::fs::create_dir_all(&dir)?;
    calls::write_programs(&dir)?;
    let source = |name: &str| world.file(&format!("bench/peers/native/{name}"));
    let library = source("calls-library.c");
    let library = world.compile_natively(&["-O2", "-fPIC", "-shared", &library], "libcalls.so")?;
    let folder = format!("-Wl,-rpath,{}", world.work.display());
    let library = library.display().to_string();
    let driver = ["-O2", "-fPIC", &source("calls.c"), &library, &folder];
    let native = world.compile_natively(&driver, "native-calls")?;
    let peer = world.wasmtime.as_ref().map(|_| peers::build("wasmtime", "dynvm-peer-wasmtime"));
    let peer = peer.transpose()?;

    let (mut dynvm, mut kept) = (Dynvm::new(&dir, true)?, Dynvm::new(&dir, false)?);
    let mut wasmtime =
        peer.map(|program| Peer::start(&program, &dir.join("plain.wasm"))).transpose()?;
    let mut native = Peer::start(&native, &dir)?;
    let rows = rows();
    let mut engines: Vec<Option<&mut dyn Engine>> = Vec::new();
    let engine_of = |system: usize, is_kept: bool| match system {
        0 | 1 if is_kept => 3,
        0 | 1 => 0,
        2 => 1,
        _ => 2,
    };
    engines.push(Some(&mut dynvm));
    engines.push(wasmtime.as_mut().map(|peer| peer as &mut dyn Engine));
    engines.push(Some(&mut native));
    engines.push(Some(&mut kept));
    let engines = std::cell::RefCell::new(engines);
    let mut cases: Vec<(String, Sample<'_>)> = Vec::new();
    for Row { name, is_kept, functions } in rows {
        let engines = &engines;
        let sample = move |system: usize| {
            let Some(function) = &functions[system] else { return Ok(None) };
            let mut engines = engines.borrow_mut();
            let Some(engine) = &mut engines[engine_of(system, is_kept)] else { return Ok(None) };
            nanoseconds(*engine, function).map(Some)
        };
        cases.push((name, Box::new(sample)));
    }
    group.measure(rounds, cases)?;
    Ok(group)
}

/// A short run warms up, and tells how many iterations fill a sample; of three the fastest counts.
fn nanoseconds(engine: &mut dyn Engine, function: &Function) -> Result<f64> {
    let trial = 20_000 / function.sites + 1;
    let each = engine.time(function, trial)? / f64::from(trial);
    let iterations = (SAMPLE_NS / each).max(1.0) as u32;
    let mut least = f64::INFINITY;
    for _ in 0..3 {
        least = least.min(engine.time(function, iterations)?);
    }
    Ok(least / f64::from(iterations) / f64::from(function.sites))
}

fn rows() -> Vec<Row> {
    let mut rows = Vec::new();
    for sites in [1, calls::program::SITES] {
        let f = |name: &str, arg| {
            let name = format!("m_{name}_{sites}");
            Some(Function { name, arg, sites, increment: sites, is_host_loop: false })
        };
        let is_kept = sites > 1;
        let sites = if sites == 1 { "hot loop".to_owned() } else { format!("{sites} sites") };
        let [inside, across] = [f("inside", None), f("across", None)];
        let inlined = if is_kept { ", not inlined" } else { "" };
        let name = format!("direct, {sites}{inlined}");
        let functions = [across.clone(), inside.clone(), inside.clone(), inside, across];
        rows.push(Row { name, is_kept, functions });
        let [own, other] = [f("indirect", Some(0)), f("indirect", Some(1))];
        let name = format!("indirect, {sites}");
        let functions = [other.clone(), own.clone(), own.clone(), own, other];
        rows.push(Row { name, is_kept, functions });
    }
    rows
}
