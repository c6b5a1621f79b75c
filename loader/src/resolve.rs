//! Resolution: every import of every new dso finds its definition.
//!
//! The order for a name is the global scope, the local scope of the dso that asks, its own
//! exports. All that is missing is found before anything is reported.

mod address;
mod entity;
mod lookup;

use std::borrow::Cow;
use std::collections::HashMap;

use dynvm_vm::context::FuncId;
use dynvm_vm::instance::TagId;
use dynvm_vm::module::{Entity, EntityType, Import};
use dynvm_vm::types::{
    FuncIndex, FuncType, GlobalIndex, MemoryIndex, TableIndex, TagIndex, TypeId,
};
use dynvm_vm::{Error, Process};

use crate::dialect::{self, emscripten};
use crate::dlfcn;
use crate::dso::{Dso, DsoId};
use crate::error::{LoadError, Mismatch, UndefinedSymbol};
use crate::exit;
use crate::host::Hosts;
use crate::layout::Space;
use crate::link_map::LinkMap;
use crate::linker::Linker;
use crate::scope::Scope;
use crate::symbol::{Symbol, SymbolKind};
use crate::unbound::Unbound;

pub(crate) use address::address;
pub(crate) use lookup::{find, find_among, find_global, find_in_scopes};

/// How deep re-exports of imports are followed.
const REEXPORT_DEPTH_MAX: u32 = 32;

/// What an import is bound to, once every dso of the batch has its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reference {
    /// A function.
    Func(FuncId),
    /// A number: an address, a base, or the zero of an undefined weak symbol.
    Address(u64),
    /// The table index of a function.
    FunctionPointer(FuncId),
    /// `__stack_pointer`.
    StackPointer,
    /// A global of a dso's that is no address.
    Global(DsoId, GlobalIndex),
    /// The memory of the process.
    ProcessMemory,
    /// The table of the process.
    ProcessTable,
    /// A memory of a dso's.
    Memory(DsoId, MemoryIndex),
    /// A table of a dso's.
    Table(DsoId, TableIndex),
    /// A tag of a dso's.
    Tag(DsoId, TagIndex),
    /// A tag that the loader made.
    OwnTag(TagId),
}

/// What every import of every dso of a batch is bound to, in order of the imports.
pub(crate) type References = Vec<(DsoId, Vec<Reference>)>;

/// What resolution looks at, and the host functions and tags it makes.
pub(crate) struct Resolver<'a> {
    pub(crate) map: &'a LinkMap,
    pub(crate) global: &'a Scope,
    pub(crate) space: &'a Space,
    pub(crate) hosts: &'a mut Hosts,
    pub(crate) tags: &'a mut HashMap<String, (TagId, TypeId)>,
    pub(crate) process: &'a mut Process,
    pub(crate) unbound: &'a mut Unbound,
    pub(crate) dialects: &'a dialect::State,
    /// Whether functions that nobody defines are looked for when they are called.
    pub(crate) is_lazy: bool,
    /// Whether this is such a call: what nobody defines now is undefined.
    pub(crate) is_first_call: bool,
    /// Whether a function of the loader's own wins over every library's of this name.
    pub(crate) own_wins: fn(&str) -> bool,
    /// Who is bound to whom.
    pub(crate) bound: Vec<(DsoId, Vec<DsoId>)>,
    pub(crate) undefined: Vec<UndefinedSymbol>,
    /// The first of each dso that asks for any.
    pub(crate) first_undefined: Vec<(DsoId, String)>,
    /// Position in `undefined`.
    pub(crate) undefined_by_name: HashMap<String, usize>,
}

/// Why one import has no reference.
pub(crate) enum Unresolved {
    /// Nobody defines it.
    Undefined,
    /// Something defines it that does not fit.
    Mismatch(LoadError),
}

impl From<LoadError> for Unresolved {
    fn from(error: LoadError) -> Self {
        Unresolved::Mismatch(error)
    }
}

impl<'a> Resolver<'a> {
    /// A resolver over all that `linker` knows, which has found nothing yet.
    pub(crate) fn new(linker: &'a mut Linker, process: &'a mut Process, is_lazy: bool) -> Self {
        Resolver {
            map: &linker.map,
            global: &linker.global,
            space: &linker.space,
            hosts: &mut linker.hosts,
            tags: &mut linker.tags,
            unbound: &mut linker.unbound,
            dialects: &linker.dialects,
            process,
            is_lazy,
            is_first_call: false,
            own_wins: linker.own_wins,
            bound: Vec::new(),
            undefined: Vec::new(),
            first_undefined: Vec::new(),
            undefined_by_name: HashMap::new(),
        }
    }
}

impl Resolver<'_> {
    /// Resolves the imports of the dsos from `mark` on.
    pub(crate) fn resolve(&mut self, mark: DsoId) -> Result<References, LoadError> {
        let map = self.map;
        let mut mismatch = None;
        let mut references = Vec::new();
        for dso in map.from(mark) {
            let mut bound = Vec::with_capacity(dso.module.imports.len());
            self.bound.push((dso.id, Vec::new()));
            for import in &dso.module.imports {
                match self.import(dso, import, 0) {
                    Ok(reference) => bound.push(reference),
                    Err(Unresolved::Undefined) => self.note_undefined(dso, import),
                    Err(Unresolved::Mismatch(error)) => mismatch = mismatch.or(Some(error)),
                }
            }
            references.push((dso.id, bound));
        }
        if !self.undefined.is_empty() {
            let symbols = std::mem::take(&mut self.undefined);
            return Err(LoadError::Undefined { symbols, first: Box::new(self.first()) });
        }
        mismatch.map_or(Ok(references), Err)
    }

    /// The undefined symbol that is met first when dependencies are bound before dependents, and
    /// who asks for it.
    fn first(&self) -> (String, String) {
        let rank = |id: DsoId| {
            let orders = self.map.dso(id).scopes.iter().map(|root| self.map.dso(*root));
            let mut ranks = orders.filter_map(|root| {
                root.dependencies.iter().rev().position(|dependency| *dependency == id)
            });
            ranks.next_back()
        };
        let first = self.first_undefined.iter().min_by_key(|(id, _)| rank(*id));
        first.map_or_else(Default::default, |(id, name)| {
            (name.clone(), self.map.dso(*id).found_as.clone())
        })
    }

    fn note_undefined(&mut self, dso: &Dso, import: &Import) {
        let name = symbol_name(import).into_owned();
        if self.first_undefined.last().is_none_or(|(id, _)| *id != dso.id) {
            self.first_undefined.push((dso.id, name.clone()));
        }
        let needed_by = dso.name.to_string();
        let position = *self.undefined_by_name.entry(name.clone()).or_insert_with(|| {
            let is_javascript = emscripten::is_javascript(dso, import);
            self.undefined.push(UndefinedSymbol { name, needed_by: Vec::new(), is_javascript });
            self.undefined.len() - 1
        });
        let symbol = &mut self.undefined[position];
        if !symbol.needed_by.contains(&needed_by) {
            symbol.needed_by.push(needed_by);
        }
    }

    fn import(&mut self, dso: &Dso, import: &Import, depth: u32) -> Result<Reference, Unresolved> {
        match import.ty {
            EntityType::Func(ty) => {
                let ty = self.process.declared_type(dso.instance(), ty);
                self.function(dso, import, ty, depth).map(Reference::Func)
            }
            EntityType::Global(ty) => self.global(dso, import, ty, depth),
            EntityType::Memory(ty) => self.memory(dso, import, ty),
            EntityType::Table(ty) => self.table(dso, import, ty),
            EntityType::Tag(ty) => self.tag(dso, import, ty),
        }
    }

    /// The definition of `name` that `asker` sees.
    fn find(&mut self, asker: &Dso, name: &str) -> Option<(DsoId, Symbol)> {
        tracing::trace!(target: "dynvm::symbols", "{}: looking up `{name}`", asker.name);
        let found = find(self.map, self.global, asker, name);
        if let Some((id, _)) = found {
            self.note_bound(id);
            tracing::trace!(
                target: "dynvm::bindings",
                "{}: `{name}` bound to {}", asker.name, self.map.dso(id).name
            );
        }
        found
    }

    /// The dso that is being resolved depends on `id` from now on.
    fn note_bound(&mut self, id: DsoId) {
        if let Some((asker, bound)) = self.bound.last_mut()
            && !bound.contains(&id)
            && self.map.is_binding(*asker, id)
        {
            bound.push(id);
        }
    }

    pub(crate) fn function(
        &mut self,
        dso: &Dso,
        import: &Import,
        ty: TypeId,
        depth: u32,
    ) -> Result<FuncId, Unresolved> {
        if depth > REEXPORT_DEPTH_MAX {
            return Err(Unresolved::Undefined);
        }
        let name = import.field.as_str();
        if let Some((id, func)) = self.definition_of_function(dso, import)? {
            match self.defined(dso, id, func, ty, name, depth) {
                // An export of an import that comes back to itself is no definition.
                Err(Unresolved::Undefined) => {}
                other => return other,
            }
        }
        if let Some(func) = self.host_function(dso, &import.module, name, Some(ty))? {
            return Ok(func);
        }
        if let Some(func) = self.dialect_function(dso, import, ty)? {
            return Ok(func);
        }
        let is_weak = is_weak(dso, name);
        if !is_weak && !self.is_lazy {
            return Err(Unresolved::Undefined);
        }
        if self.is_first_call {
            return Err(Unresolved::Undefined);
        }
        let symbol = symbol_name(import);
        let weak = if is_weak { "undefined weak symbol" } else { "undefined symbol" };
        tracing::debug!(
            target: "dynvm::symbols",
            "{weak} `{symbol}`: a call from {} {}", dso.name,
            if is_weak { "traps" } else { "looks for it again" }
        );
        let func = self.unbound.add(self.process, dso, import, ty, !is_weak);
        func.map_err(|source| vm(dso, source).into())
    }

    /// A function of another dialect: of Emscripten's that needs no JavaScript, or one that is made
    /// for who imports it.
    fn dialect_function(
        &mut self,
        dso: &Dso,
        import: &Import,
        ty: TypeId,
    ) -> Result<Option<FuncId>, LoadError> {
        if import.module == "env" {
            let found = self.host_function(dso, emscripten::MODULE, &import.field, Some(ty))?;
            if found.is_some() {
                return Ok(found);
            }
        }
        let shown = self.process.func_type(ty).map(|ty| ty.as_ref().clone()).unwrap_or_default();
        let Some(function) = self.dialects.function(dso, import, &shown) else { return Ok(None) };
        let (module, name) = (dialect::MODULE, format!("{import} {shown}"));
        if self.hosts.func_type(module, &name).is_none() {
            self.hosts.add(module.to_owned(), name.clone(), function);
        }
        self.host_function(dso, module, &name, Some(ty))
    }

    /// Which function of which dso an import of a function names.
    fn definition_of_function(
        &mut self,
        dso: &Dso,
        import: &Import,
    ) -> Result<Option<(DsoId, FuncIndex)>, LoadError> {
        if import.module != "env" {
            if self.hosts.defines(&import.module) {
                return Ok(None);
            }
            return Ok(match self.export_of_module(import) {
                Some((id, Entity::Func(func))) => Some((id, func)),
                _ => None,
            });
        }
        self.visible_function(dso, &import.field)
    }

    /// The function called `name` that `dso` sees. The loader's own functions win over any.
    fn visible_function(
        &mut self,
        dso: &Dso,
        name: &str,
    ) -> Result<Option<(DsoId, FuncIndex)>, LoadError> {
        let found = if (self.own_wins)(name) { None } else { self.find(dso, name) };
        let Some((id, symbol)) = found else { return Ok(None) };
        match symbol.kind {
            SymbolKind::Function(func) => Ok(Some((id, func))),
            _ => Err(self.kind_mismatch(dso, name, "a function", id, symbol)),
        }
    }

    /// A function of the host's, or of the loader's own, of type `expected` if that is known.
    fn host_function(
        &mut self,
        dso: &Dso,
        module: &str,
        name: &str,
        expected: Option<TypeId>,
    ) -> Result<Option<FuncId>, LoadError> {
        let is_own = module == "env" && dlfcn::is_own(name);
        let module = if is_own { dlfcn::MODULE } else { module };
        let found = self.hosts.func_type(module, name);
        if let (Some(expected), Some(found)) = (expected, found) {
            let found = self.process.intern_type(found);
            self.check_function(dso, name, expected, found, "the host")?;
        }
        let func = self.hosts.func(self.process, module, name).map_err(|source| vm(dso, source))?;
        if is_own && exit::registers(name) {
            // What will run what they register is linked together with them.
            let handler = self.hosts.func(self.process, module, exit::HANDLER);
            handler.map_err(|source| vm(dso, source))?;
        }
        if func.is_some() {
            tracing::trace!(target: "dynvm::bindings", "{}: `{name}` bound to the host", dso.name);
        }
        Ok(func)
    }

    /// The function `func` of dso `id`, which can be an import that it exports again.
    fn defined(
        &mut self,
        asker: &Dso,
        id: DsoId,
        func: FuncIndex,
        ty: TypeId,
        name: &str,
        depth: u32,
    ) -> Result<FuncId, Unresolved> {
        let definer = self.map.dso(id);
        let found = self.type_of(definer, func);
        self.check_function(asker, name, ty, found, &definer.name)?;
        self.function_of(definer, func, depth)
    }

    fn function_of(
        &mut self,
        definer: &Dso,
        func: FuncIndex,
        depth: u32,
    ) -> Result<FuncId, Unresolved> {
        if let Some(defined) = definer.module.defined_func(func) {
            return Ok(self.process.defined_func(definer.instance(), defined));
        }
        let mut imports = definer.module.imports.iter();
        let import = imports
            .by_ref()
            .filter(|import| matches!(import.ty, EntityType::Func(_)))
            .nth(func.index())
            .expect("validation counted the imports");
        let ty = self.type_of(definer, func);
        self.function(definer, import, ty, depth + 1)
    }

    fn type_of(&self, dso: &Dso, func: FuncIndex) -> TypeId {
        self.process.declared_type(dso.instance(), dso.module.functions[func.index()])
    }

    /// An error unless a function of type `found` is one of type `expected`: the same over the
    /// whole process, or declared as a subtype of it.
    fn check_function(
        &self,
        dso: &Dso,
        symbol: &str,
        expected: TypeId,
        found: TypeId,
        defined_by: &str,
    ) -> Result<(), LoadError> {
        if self.process.is_func_subtype(found, expected) {
            return Ok(());
        }
        let mismatch = self.mismatch(dso, symbol, expected, found, defined_by);
        Err(LoadError::FunctionType(Box::new(mismatch)))
    }

    fn mismatch(
        &self,
        dso: &Dso,
        symbol: &str,
        expected: TypeId,
        found: TypeId,
        defined_by: &str,
    ) -> Mismatch<FuncType> {
        let ty = |id| self.process.func_type(id).map(|ty| (**ty).clone()).unwrap_or_default();
        Mismatch {
            symbol: symbol.to_owned(),
            expected: ty(expected),
            needed_by: dso.name.to_string(),
            found: ty(found),
            defined_by: defined_by.to_owned(),
        }
    }

    fn kind_mismatch(
        &self,
        dso: &Dso,
        name: &str,
        expected: &'static str,
        id: DsoId,
        symbol: Symbol,
    ) -> LoadError {
        LoadError::SymbolKind(Box::new(Mismatch {
            symbol: name.to_owned(),
            expected,
            needed_by: dso.name.to_string(),
            found: symbol.kind.noun(),
            defined_by: self.map.dso(id).name.to_string(),
        }))
    }
}

fn is_weak(dso: &Dso, field: &str) -> bool {
    dso.dylink.as_ref().is_some_and(|dylink| dylink.import_flags(field).is_weak())
}

pub(crate) fn symbol_name(import: &Import) -> Cow<'_, str> {
    match import.module.as_str() {
        "env" | "GOT.mem" | "GOT.func" => import.field.as_str().into(),
        module => format!("{module}.{}", import.field).into(),
    }
}

fn vm(dso: &Dso, source: Error) -> LoadError {
    LoadError::Vm { dso: dso.name.to_string(), source }
}
