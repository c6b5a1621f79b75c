//! Other ways to say the same: the dialects of dynamic linking besides `dylink.0`, and other
//! hosts' names for what `dlopen` and `dlsym` do.
//!
//! Each dialect is mapped onto the loader's own phases; what is peculiar to it stands here, and
//! the phases ask for it by one call each.
//!
//! - [`wasix`], [`toywasm`]: the functions that those hosts' C libraries call to open libraries.
//! - [`emscripten`]: what side modules import of Emscripten's JavaScript.
//! - [`dyninfo`]: libraries of ELF turned into wasm.
//! - [`flat`]: programs of several modules without any linking section.
//! - [`syscall`]: the system calls of Linux that the C libraries of older programs make.

pub(crate) mod dyninfo;
pub(crate) mod emscripten;
pub(crate) mod flat;
pub(crate) mod guest;
pub(crate) mod syscall;
pub(crate) mod toywasm;
pub(crate) mod wasix;

use std::path::PathBuf;
use std::sync::{Mutex, Weak};

use dynvm_vm::HostFunction;
use dynvm_vm::module::Import;
use dynvm_vm::types::FuncType;

use crate::deps::Loads;
use crate::dso::Dso;

use crate::linker::Linker;

/// What the dialects remember between calls.
#[derive(Debug, Default)]
pub(crate) struct State {
    /// The linker that this is part of, for functions that are made on demand.
    pub(crate) linker: Weak<Mutex<Linker>>,
    /// The other modules of a flat program, if the main program is one.
    pub(crate) flat: Option<Vec<PathBuf>>,
    pub(crate) kernel: syscall::memory::Memory,
    /// What the `dyninfo` modules have defined and wait for.
    pub(crate) links: dyninfo::link::Links,
    /// The same with those that are being loaded.
    pub(crate) next_links: Option<dyninfo::link::Links>,
    pub(crate) modules: dyninfo::system::Modules,
    /// How the next library is loaded.
    pub(crate) loads: Loads,
    pub(crate) closures: wasix::Closures,
}

/// How a module says what it needs.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Dialect {
    /// By a `dylink.0` section, its predecessor, or nothing but its imports and exports.
    #[default]
    Standard,
    /// It is part of a flat program.
    Flat(flat::Flat),
    /// By a `dyninfo` section.
    Dyninfo(dyninfo::Shared),
}

/// Name under which functions that are made on demand are kept; no module can import from it.
pub(crate) const MODULE: &str = "\0dialect";

impl State {
    /// A function that is made for `dso`, which imports it: its type is the importer's.
    pub(crate) fn function(
        &self,
        dso: &Dso,
        import: &Import,
        ty: &FuncType,
    ) -> Option<HostFunction> {
        if dso.dyninfo().is_some() {
            return dyninfo::system::function(&self.linker, import, ty);
        }
        if import.module != "env" {
            return None;
        }
        let made = emscripten::invoke(&import.field, ty);
        let is_flat = dso.flat().is_some();
        made.or_else(|| {
            is_flat.then(|| flat::builtins::function(&self.linker, &import.field, ty)).flatten()
        })
    }
}

/// Makes functions of one module: name, function.
pub(crate) type Functions = fn(&Weak<Mutex<Linker>>) -> Vec<(&'static str, HostFunction)>;

/// Every function that a dialect knows the loader by, by its module.
pub(crate) const FUNCTIONS: [(&str, Functions); 3] = [
    (wasix::MODULE, wasix::functions),
    (toywasm::MODULE, toywasm::functions),
    (emscripten::MODULE, emscripten::functions),
];
