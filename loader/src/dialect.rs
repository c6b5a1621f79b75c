//! Other ways to say the same: the dialects of dynamic linking besides `dylink.0`, and other
//! hosts' names for what `dlopen` and `dlsym` do.
//!
//! Each dialect is mapped onto the loader's own phases; what is peculiar to it stands here, and
//! the phases ask for it by one call each.
//!
//! - [`wasix`], [`toywasm`]: the functions that those hosts' C libraries call to open libraries.
//! - [`emscripten`]: what side modules import of Emscripten's JavaScript.

pub(crate) mod emscripten;
pub(crate) mod guest;
pub(crate) mod toywasm;
pub(crate) mod wasix;

use std::sync::{Mutex, Weak};

use dynvm_vm::HostFunction;

use crate::linker::Linker;

/// What the dialects remember between calls.
#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) closures: wasix::Closures,
}

/// Every function that a dialect knows the loader by: module, field, function.
pub(crate) fn functions(
    linker: &Weak<Mutex<Linker>>,
) -> Vec<(&'static str, &'static str, HostFunction)> {
    let mut functions = wasix::functions(linker);
    functions.extend(toywasm::functions(linker));
    functions.extend(emscripten::functions());
    functions
}
