//! A dso: a module with a place in the process.

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use dynvm_vm::context::{FuncId, GlobalSlot};
use dynvm_vm::instance::InstanceId;
use dynvm_vm::module::{Entity, EntityType, Import, Module};
use dynvm_vm::types::{FuncIndex, RefType};

use crate::dialect::Dialect;
use crate::dialect::dyninfo::{self, Dyninfo};
use crate::dialect::flat::Flat;
use crate::dylink::{Dylink, Room};
use crate::search::{FileIdentity, Stamp};
use crate::symbol::{Symbol, SymbolTable, is_never_symbol};

/// A dso, by its position in the link map. Ids are given out in load order, and never twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DsoId(pub u32);

/// Where data and functions of a dso were placed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LoadBias {
    /// Address of its data: `__memory_base`.
    pub memory_base: u64,
    /// Its first slot of the process table: `__table_base`.
    pub table_base: u32,
}

/// How far loading has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DsoState {
    /// Read and decoded; the load can still fail and take it back.
    Loading,
    /// Relocated: its functions can be called.
    Relocated,
    /// Its constructors have been started.
    Constructed,
    /// Nobody depends on it: its destructors run, then it goes.
    Closing,
    /// Its destructors have run; it goes when those of all that go with it have.
    Closed,
}

/// Where a dso was found, which is what `$ORIGIN` in its runpath means.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Origin {
    /// A directory of the host's, named by the user.
    Host(PathBuf),
    /// A directory of the guest's view.
    Guest(String),
}

/// A module that is part of the process.
#[derive(Debug)]
pub struct Dso {
    /// Its position in the link map.
    pub id: DsoId,
    /// Its file name, for messages.
    pub name: Arc<str>,
    /// Where it was found, as shown to the user.
    pub path: PathBuf,
    /// Where it was found, as shown to the guest: its path as it was asked for, or the directory
    /// and the name. What glibc calls `l_name`; empty for the main program.
    pub found_as: String,
    /// Which file it is.
    pub identity: FileIdentity,
    /// What its file was like, if that would tell a change.
    pub(crate) stamp: Option<Stamp>,
    /// The directory it was found in.
    pub origin: Origin,
    /// What was decoded.
    pub module: Arc<Module>,
    /// How long decoding and validating it took.
    pub decoded_in: Duration,
    /// Its linking section; `None` for a plain module.
    pub dylink: Option<Arc<Dylink>>,
    /// How it says what it needs.
    pub dialect: Dialect,
    /// Whether it is the main program.
    pub is_main: bool,
    /// Direct dependencies, in the order of `WASM_DYLINK_NEEDED`; the main program's start with
    /// the preloads.
    pub needed: Vec<DsoId>,
    /// The dso that asked for it first; `None` for the main program and what was opened by name.
    pub needed_by: Option<DsoId>,
    /// What it defines.
    pub symbols: Arc<SymbolTable>,
    /// Where it was placed.
    pub bias: LoadBias,
    /// Its data, part of the process memory.
    pub memory: Range<u64>,
    /// Its elements, part of the process table.
    pub table: Range<u32>,
    /// The main thread's block of thread-local data.
    pub tls: Range<u64>,
    /// The instance, from declaration on.
    pub instance: Option<InstanceId>,
    /// How far loading has come.
    pub state: DsoState,
    /// How many handles the guest holds; `dlopen` adds one, `dlclose` takes one.
    pub opened: u32,
    /// Loaded at start: never unloaded.
    pub is_start: bool,
    /// `RTLD_NODELETE`, or something of start-up is bound to it: it is never unloaded.
    pub is_pinned: bool,
    /// Whether its constructors were started and did not return.
    pub is_stopped: bool,
    /// Dsos that its code is bound to, or whose table slots it knows, besides [`Dso::dependencies`]
    /// and what never goes: they stay as long as it does.
    pub bound_to: Vec<DsoId>,
    /// What the order of destructors follows: itself and what it needs directly. Of a dso that was
    /// opened by name: all that it needs, sorted. What glibc calls `l_initfini`.
    pub dependencies: Arc<[DsoId]>,
    /// Once it was opened by name: itself and what it needs, breadth first. The main program's is
    /// the global scope.
    pub searchlist: Option<Arc<[DsoId]>>,
    /// Slots of the globals that the loader made for its imports.
    pub(crate) global_slots: Vec<GlobalSlot>,
    /// Where what this dso imports is looked for, in order: the search lists of these dsos. The
    /// main program's stands for the global scope.
    pub scopes: Vec<DsoId>,
    /// What a module of a flat program sees first.
    pub(crate) flat_scope: Arc<[DsoId]>,
    /// What runs when it is constructed.
    pub(crate) constructor: Option<FuncId>,
}

impl Dso {
    /// Whether the loader chooses where its data goes. A main program linked without `-pie` has a
    /// linking section too (it needs libraries), but it brings its memory, or places itself in it.
    #[must_use]
    pub fn is_relocatable(&self) -> bool {
        let Some(dylink) = &self.dylink else { return false };
        let is_placed = dylink.room.memory_size > 0 && !self.imports_global("__memory_base");
        let is_placed = is_placed || self.dyninfo().is_some();
        !(self.is_main && (self.defines_memory() || is_placed))
    }

    /// What it is of a flat program, if it is part of one.
    #[must_use]
    pub fn flat(&self) -> Option<Flat> {
        match self.dialect {
            Dialect::Flat(flat) => Some(flat),
            _ => None,
        }
    }

    /// Its `dyninfo` section, if that is how it says what it needs.
    #[must_use]
    pub fn dyninfo(&self) -> Option<&Dyninfo> {
        match &self.dialect {
            Dialect::Dyninfo(info) => Some(info),
            _ => None,
        }
    }

    pub(crate) fn set_flat(&mut self, flat: Flat) {
        self.dialect = Dialect::Flat(flat);
    }

    /// Whether a table that it defines is the process table.
    #[must_use]
    pub fn is_table_shared(&self) -> bool {
        self.is_main || self.flat().is_some_and(|flat| flat.joins_table)
    }

    /// Whether it imports the global `env.<field>`.
    #[must_use]
    pub fn imports_global(&self, field: &str) -> bool {
        self.module.imports.iter().any(|import| {
            import.module == "env"
                && import.field == field
                && matches!(import.ty, EntityType::Global(_))
        })
    }

    /// Room it asks for; nothing if it places itself.
    #[must_use]
    pub fn room(&self) -> Room {
        match &self.dylink {
            Some(dylink) if self.is_relocatable() => dylink.room,
            _ => Room::default(),
        }
    }

    /// The instance.
    ///
    /// # Panics
    /// Before the dso was declared to the process.
    #[must_use]
    pub fn instance(&self) -> InstanceId {
        self.instance.unwrap_or_else(|| panic!("`{}` has no instance yet", self.name))
    }

    /// Whether the module brings its own memory.
    #[must_use]
    pub fn defines_memory(&self) -> bool {
        self.module.memories.len() > self.module.imported_memories as usize
    }

    /// Least pages of the memory that it imports from `env`.
    #[must_use]
    pub fn memory_pages_imported(&self) -> u64 {
        let pages = self.module.imports.iter().filter_map(|import| match import.ty {
            EntityType::Memory(ty) if self.is_of_process(import) => Some(ty.pages_min),
            _ => None,
        });
        pages.max().unwrap_or(0)
    }

    /// Whether the memory that it brings or imports from `env` is one for threads.
    #[must_use]
    pub fn has_shared_memory(&self) -> bool {
        let imports = self.module.imports.iter().filter(|import| import.module == "env");
        let mut imported = imports.map(|import| import.ty);
        imported.any(|ty| matches!(ty, EntityType::Memory(ty) if ty.is_shared))
            || self.defines_memory()
                && self.module.memories[self.module.imported_memories as usize].is_shared
    }

    /// Pages of the memory it brings, if that becomes the process memory.
    #[must_use]
    pub fn memory_pages_defined(&self) -> u64 {
        let defined = self.module.memories.get(self.module.imported_memories as usize);
        defined.filter(|ty| self.is_main && !ty.is_64).map_or(0, |ty| ty.pages_min)
    }

    /// Elements of the table it brings, if that becomes the process table.
    #[must_use]
    pub fn table_len_defined(&self) -> u64 {
        let defined = self.module.tables.get(self.module.imported_tables as usize);
        let defined = defined.filter(|ty| self.is_main && !ty.is_64);
        defined.filter(|ty| ty.element == RefType::FUNCREF).map_or(0, |ty| ty.len_min)
    }

    /// Whether it exports the stack pointer, as a main program that places itself does.
    #[must_use]
    pub fn exports_stack_pointer(&self) -> bool {
        matches!(self.symbols.own("__stack_pointer"), Some(Entity::Global(_)))
            && !self.is_relocatable()
    }

    /// The exported function called `name`.
    #[must_use]
    pub fn exported_function(&self, name: &str) -> Option<FuncIndex> {
        // What only the loader asks for is found without a look at all exports.
        let is_own = is_never_symbol(name);
        let entity = if is_own { self.symbols.own(name) } else { self.module.export(name) };
        match entity {
            Some(Entity::Func(func)) => Some(func),
            _ => None,
        }
    }

    /// Least elements of the table that it imports from `env`.
    #[must_use]
    pub fn table_len_imported(&self) -> u64 {
        let lens = self.module.imports.iter().filter_map(|import| match import.ty {
            EntityType::Table(ty) if self.is_of_process(import) => Some(ty.len_min),
            _ => None,
        });
        lens.max().unwrap_or(0)
    }

    /// File name without its extension: the module name by which a plain module imports from it.
    #[must_use]
    pub fn stem(&self) -> &str {
        stem(&self.name)
    }

    /// Address of a data symbol that it defines; `None` for what has none.
    #[must_use]
    pub fn address(&self, symbol: Symbol) -> Option<u64> {
        crate::resolve::address(self, symbol)
    }

    /// Whether an import of a memory or table comes from where the process's are.
    fn is_of_process(&self, import: &Import) -> bool {
        import.module == "env" || import.module == "sys" && self.dyninfo().is_some()
    }

    /// Values of the imported globals that are known before anything is bound.
    #[must_use]
    pub fn bases(&self) -> Vec<(&'static str, u64)> {
        if self.dyninfo().is_some() {
            return vec![("got", dyninfo::data_base(self)), ("plt", self.bias.table_base.into())];
        }
        vec![
            ("__memory_base", self.bias.memory_base),
            ("__memory_base32", self.bias.memory_base),
            ("__table_base", self.bias.table_base.into()),
            ("__table_base32", self.bias.table_base.into()),
        ]
    }
}

/// A file name without its extension.
pub(crate) fn stem(name: &str) -> &str {
    Path::new(name).file_stem().and_then(|stem| stem.to_str()).unwrap_or(name)
}

impl fmt::Display for LoadBias {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "memory {:#x}, table {:#x}", self.memory_base, self.table_base)
    }
}
