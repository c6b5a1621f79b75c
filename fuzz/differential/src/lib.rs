//! A second opinion: a generated module runs in dynvm and in wasmtime. Whatever a program could see
//! must be the same: results and traps of calls, memories, tables, globals.
#![forbid(unsafe_code)]

mod case;
mod ours;
mod theirs;
mod value;

pub use case::{Case, Drawn, Selection, draw, of_bytes};
pub use theirs::engine;

/// Wasm runs on the stack of the thread that calls it in wasmtime: so much it must have.
pub const STACK_SIZE_BYTES: usize = 64 << 20;

/// What came of a case.
#[derive(Debug)]
pub struct Outcome {
    /// Calls that were made.
    pub calls: usize,
    /// Calls that returned.
    pub returned: usize,
    /// Everything that was seen of dynvm.
    pub seen: Vec<String>,
    /// The first difference.
    pub mismatch: Option<Mismatch>,
}

/// Where the engines differ.
#[derive(Debug)]
pub struct Mismatch {
    /// How many observations are the same.
    pub position: usize,
    /// The next one of dynvm.
    pub ours: String,
    /// The next one of wasmtime.
    pub theirs: String,
}

/// Runs the case in both engines.
pub fn compare(case: &Case, engine: &wasmtime::Engine) -> Outcome {
    let theirs = theirs::observe(engine, case);
    let ours = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| ours::observe(case)))
        .unwrap_or_else(|_| vec!["panicked".to_owned()]);
    let calls = theirs.iter().filter(|line| line.starts_with("call")).count();
    let returned = theirs.iter().filter(|line| line.contains("returned")).count();
    let adds_to_words = case.adds_to_words();
    let is_same = |(ours, theirs): &(&String, &String)| {
        ours == theirs
            || adds_to_words && is_same_trap(ours, theirs)
            || is_same_refusal(ours, theirs)
    };
    let position = ours.iter().zip(&theirs).take_while(is_same).count();
    let at = |seen: &[String]| seen.get(position).cloned().unwrap_or("nothing more".to_owned());
    let ends = [&ours, &theirs].map(|seen| seen.get(position));
    // How much fits on a heap is each engine's own: what follows a lack of room is not compared.
    let is_out_of_room = ends.iter().flatten().any(|end| end.contains("HeapExhausted"));
    let is_equal = is_out_of_room || ends == [None, None];
    let mismatch = (!is_equal).then(|| Mismatch { position, ours: at(&ours), theirs: at(&theirs) });
    Outcome { calls, returned, seen: ours, mismatch }
}

/// An atomic access that is both unaligned and out of bounds is unaligned in both engines, but for
/// one case that the proposal leaves open: wasmtime takes `memory.atomic.wait` and `notify` at an
/// index plus offset that the index type cannot hold to be out of bounds first.
fn is_same_trap(ours: &str, theirs: &str) -> bool {
    ours.replace("UnalignedAtomic", "MemoryOutOfBounds") == theirs
}

/// Only `memory.atomic.wait` at a memory that is not shared traps so. wasmtime looks whether the
/// word is inside before it looks whether the memory is shared, and the proposal says no order.
fn is_same_refusal(ours: &str, theirs: &str) -> bool {
    ours.replace("ExpectedSharedMemory", "MemoryOutOfBounds") == theirs
}
