//! The static linker: a program and its shared libraries become one plain module.
//!
//! [`link`] asks the loader what it would do ([`dynvm_loader::plan`]: search, places, scopes,
//! bindings, by the same rules), reads every dso again ([`input`]), computes what is [`constant`],
//! and runs what would run before any constructor as far as it is straight-line code ([`evaluate`]):
//! the result is an [`image`] of memory. From the entry point, exports and tables it finds what is
//! [`reachable`], and writes that ([`output`]), each index replaced by what it means ([`node`],
//! [`reencoder`]). What the loader would do while the program runs, [`start`] and [`exit_list`] do.
//!
//! What is known stands in the code as a constant: bases, addresses of symbols, table indices. What
//! remains of dynamic linking are the imports of the host.
#![forbid(unsafe_code)]
#![warn(missing_docs)]
#![allow(rustdoc::private_intra_doc_links)]

mod constant;
mod error;
mod evaluate;
mod exit_list;
mod export;
mod image;
mod input;
mod names;
mod node;
mod numbering;
mod output;
mod reachable;
mod reencoder;
mod signature;
mod start;
mod whole;

use std::fs::File;
use std::io::Write;
use std::path::Path;

use dynvm_loader::plan::{self, PlanOptions};
use wasmparser::{Validator, WasmFeatures};

use crate::constant::Constants;
use crate::node::Live;
use crate::signature::Signatures;
use crate::start::Start;
use crate::whole::Whole;

pub use error::RelinkError;

/// Bytes per page of memory.
const PAGE_BYTES: u64 = 1 << 16;

/// What a program is linked with.
#[derive(Clone, Default)]
pub struct Options {
    /// Where libraries come from, and whether what nobody defines traps when called. Preloads are
    /// the libraries that are linked whether they are needed or not.
    pub loader: dynvm_loader::Options,
    /// Functions and data that are exported besides what a program of its kind exports.
    pub exports: Vec<String>,
    /// Whether `dlopen` and its family may be what the libraries define.
    pub allows_dlfcn: bool,
}

/// What was linked, in numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Modules linked.
    pub dsos: usize,
    /// Functions that they define.
    pub functions_read: usize,
    /// Functions that are left.
    pub functions_written: usize,
    /// Steps of relocation that are left to run at start.
    pub steps_left: usize,
    /// Bytes of the linked module.
    pub bytes: usize,
}

/// Links the program at `program` with all that it needs, and gives the module.
///
/// # Errors
/// If the program could not be loaded, or needs what only a loader that stays can do.
pub fn link(options: Options, program: &Path) -> Result<(Vec<u8>, Summary), RelinkError> {
    let how = PlanOptions { allows_dlfcn: options.allows_dlfcn };
    let plan = plan::plan(options.loader, program, how)?;
    // Beyond this point every symbol has its definition and every dso its place.

    let inputs = input::read(&plan)?;
    let constants = Constants::new(&inputs);
    let evaluated = evaluate::evaluate(&plan, &inputs, &constants)?;
    let signatures = Signatures::new(&plan, &inputs)?;
    let allows_dlfcn = options.allows_dlfcn;
    let mut whole = Whole { plan: &plan, inputs, signatures, constants, evaluated, allows_dlfcn };
    let start = Start::new(&whole)?;
    start.declare(&mut whole.signatures);
    // Beyond this point it is known how memory looks when the first constructor runs.

    let exports = export::exports(&whole, &options.exports)?;
    let mut live = Live::default();
    start.mark(&mut live);
    export::mark(&exports, &mut live);
    reachable::mark(&whole, &mut live)?;
    // Beyond this point it is known what the linked module holds.

    let bytes = output::write(&whole, &start, &exports, &live)?;
    validate(&bytes)?;
    let summary = Summary {
        dsos: whole.inputs.len(),
        functions_read: whole.inputs.iter().map(|input| input.bodies.len()).sum(),
        functions_written: output::functions_written(&start, &live),
        steps_left: whole.evaluated.steps.len(),
        bytes: bytes.len(),
    };
    Ok((bytes, summary))
}

/// Writes the linked module: the whole file, or none of it.
///
/// # Errors
/// If the file cannot be written.
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), RelinkError> {
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty());
    let dir = dir.unwrap_or(Path::new("."));
    // As readable as any file that a linker writes, unlike other temporary ones.
    let temporary = tempfile::Builder::new().make_in(dir, |path| File::create_new(path));
    let written = temporary.and_then(|mut file| {
        file.as_file_mut().write_all(bytes)?;
        file.as_file().sync_all()?;
        file.persist(path).map_err(|error| error.error).map(drop)
    });
    written.map_err(|source| RelinkError::Write { path: path.to_owned(), source })
}

/// The linked module is valid, or it is not written.
fn validate(bytes: &[u8]) -> Result<(), RelinkError> {
    let validated = Validator::new_with_features(WasmFeatures::all()).validate_all(bytes);
    validated.map(drop).map_err(|source| RelinkError::Invalid { source: source.into() })
}
