//! The groups of whole processes and of kernels.

use super::world::{Guest, World};
use super::{Group, Program, Sample, peak_memory_mib, wall_seconds};
use crate::Result;

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

/// Rounds of what takes seconds, at most.
const FEW_ROUNDS: usize = 5;

/// Systems that start whole programs.
const STARTERS: [&str; 6] =
    ["dynvm, no cache", "dynvm, cached", "wasmtime", "wasmtime, precompiled", "node", "native"];

/// What it takes to start, run and end whole programs.
///
/// # Errors
/// If a program fails on one of the systems.
pub fn startup(world: &World, guests: &[Guest], rounds: usize) -> Result<Group> {
    let mut group = world.group(("Start", "startup"), "milliseconds, whole process", &STARTERS);
    whole_programs(&mut group, world, guests, rounds, |program| {
        Ok(wall_seconds(program)? * 1000.0)
    })?;
    Ok(group)
}

/// What memory whole programs take.
///
/// # Errors
/// If a program fails on one of the systems.
pub fn memory(world: &World, guests: &[Guest], rounds: usize) -> Result<Group> {
    let mut group = world.group(("Memory", "memory"), "resident MiB at most", &STARTERS);
    whole_programs(&mut group, world, guests, rounds.min(FEW_ROUNDS), peak_memory_mib)?;
    Ok(group)
}

fn whole_programs(
    group: &mut Group,
    world: &World,
    guests: &[Guest],
    rounds: usize,
    measure: fn(&Program) -> Result<f64>,
) -> Result<()> {
    let mut cases: Vec<(String, Sample<'_>)> = Vec::new();
    for guest in guests {
        // The cache has the code before the first sample.
        guest.in_dynvm(world, &[]).output()?;
        let sample = move |system: usize| {
            let program = match system {
                0 => Some(guest.in_dynvm(world, &["--no-cache"])),
                1 => Some(guest.in_dynvm(world, &[])),
                2 => guest.in_wasmtime(world, false),
                3 => guest.in_wasmtime(world, true),
                4 => guest.in_node(world),
                _ => guest.native.clone(),
            };
            program.map(|program| measure(&program)).transpose()
        };
        cases.push((guest.name.to_owned(), Box::new(sample)));
    }
    group.measure(rounds, cases)
}

/// Small programs that stand for kinds of work.
///
/// # Errors
/// If one fails, or two systems differ in what comes out.
pub fn kernels(world: &World, rounds: usize) -> Result<Group> {
    let systems = ["dynvm", "wasmtime", "node", "native, cc -O3"];
    let mut group = world.group(("Kernels", "kernels"), "milliseconds, SIMD on", &systems);
    let source = world.file("bench/peers/native/kernels.c");
    let native = &world.compile_natively(&["-O3", &source], "kernels")?;
    let wasm = world.file("bench/kernels/kernels.wasm");
    let script = world.file("bench/peers/node/kernels.mjs");
    let mut cases: Vec<(String, Sample<'_>)> = Vec::new();
    for (kernel, size) in KERNELS {
        let (wasm, script, size) = (wasm.clone(), script.clone(), size.to_string());
        let mut checksum = None;
        let sample = move |system: usize| {
            let words = [kernel, &size, REPETITIONS];
            let engine = [&["kernel", &wasm][..], &words].concat();
            let program = match system {
                0 => Some(Program::new(&world.runner, &engine)),
                1 => world.wasmtime.as_ref().map(|wasmtime| Program::new(wasmtime, &engine)),
                2 => {
                    let words = [&[&*script, &wasm][..], &words].concat();
                    world.node.as_ref().map(|node| Program::new(node, &words))
                }
                _ => Some(Program::new(native, &words)),
            };
            let Some(program) = program else { return Ok(None) };
            fastest(&program.output()?, &mut checksum).map(|seconds| Some(seconds * 1000.0))
        };
        cases.push((kernel.to_owned(), Box::new(sample)));
    }
    group.measure(rounds, cases)?;
    group.add_mean();
    Ok(group)
}

/// Compiling a large module, all of it and optimized.
///
/// # Errors
/// If a compiler fails.
pub fn compile(world: &World, rounds: usize) -> Result<Group> {
    let systems = ["dynvm", "wasmtime", "node"];
    let mut group = world.group(("Compile", "compile"), "seconds, optimized", &systems);
    let Some(toolchain) = &world.toolchain else { return Ok(group) };
    let file = toolchain.join("py314/libpython3.14.so").display().to_string();
    let script = world.file("bench/peers/node/compile.mjs");
    let mut cases: Vec<(String, Sample<'_>)> = Vec::new();
    for threads in ["1", "2"] {
        let (file, script) = (file.clone(), script.clone());
        let tasks = format!("--wasm-num-compilation-tasks={threads}");
        let sample = move |system: usize| {
            let words = ["compile", &file, threads];
            let flags = ["--no-liftoff", "--no-wasm-lazy-compilation", &tasks, &script, &file];
            let program = match system {
                0 => Some(Program::new(&world.runner, &words)),
                1 => world.wasmtime.as_ref().map(|wasmtime| Program::new(wasmtime, &words)),
                _ => world.node.as_ref().map(|node| Program::new(node, &flags)),
            };
            let Some(program) = program else { return Ok(None) };
            let printed = program.output()?;
            let seconds = printed.split_whitespace().next().ok_or("expected seconds")?;
            Ok(Some(seconds.parse()?))
        };
        let name = format!("libpython3.14.so, threads: {threads}");
        cases.push((name, Box::new(sample)));
    }
    group.measure(rounds.min(FEW_ROUNDS), cases)?;
    Ok(group)
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
    if least.is_finite() { Ok(least) } else { Err("expected seconds and a checksum".into()) }
}

#[cfg(test)]
mod tests {
    use super::fastest;

    #[test]
    fn the_fastest_counts_if_all_agree() {
        let mut checksum = None;
        assert_eq!(fastest("0.5 7\n0.25 7\n", &mut checksum).expect("they agree"), 0.25);
        let error = fastest("0.1 8\n", &mut checksum).expect_err("another system gave 7");
        assert_eq!(error.to_string(), "expected the checksum 7, found 8");
        let error = fastest("", &mut checksum).expect_err("nothing was printed");
        assert_eq!(error.to_string(), "expected seconds and a checksum");
    }
}
