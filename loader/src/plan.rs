//! What a load would do, without doing it: the same rules, for a linker that writes a file.
//!
//! [`plan`] reads the program and all that it needs, gives every dso its place and finds the
//! definition of every import, as [`crate::open`] does. Nothing is compiled and nothing runs.

use std::collections::HashMap;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use dynvm_vm::code::TrapCode;
use dynvm_vm::context::FuncId;
use dynvm_vm::module::{EntityType, Module};
use dynvm_vm::types::{
    DefinedFuncIndex, FuncIndex, FuncType, GlobalIndex, MemoryIndex, TableIndex, TagIndex,
};
use dynvm_vm::value::Value;
use dynvm_vm::{HostFunction, Process, Trap};

use crate::deps::{self, Known};
use crate::dlfcn;
use crate::dso::DsoId;
use crate::error::LoadError;
use crate::exit;
use crate::init;
use crate::link_map::LinkMap;
use crate::linker::{Linker, lock};
use crate::loader::{Loader, Options};
use crate::relocate::Relocation;
use crate::resolve::{Reference, References};
use crate::run;
use crate::{bind, open};

/// Modules of these names stand for the dynamic linker, not for a host.
const LINKER_MODULES: [&str; 3] = ["env", "GOT.mem", "GOT.func"];

/// What a load would do.
#[derive(Debug)]
pub struct Plan {
    /// Every dso with its place, in load order, the main program first.
    pub map: LinkMap,
    /// What every import of every dso is bound to, in order of the imports.
    pub imports: HashMap<DsoId, Vec<Target>>,
    /// What runs before any constructor, in order: start functions, then what relocates data.
    pub steps: Vec<Step>,
    /// Constructors, in order.
    pub constructors: Vec<Function>,
    /// The main program's entry point: its name, and its index there.
    pub entry: Option<(&'static str, FuncIndex)>,
    /// Types of the functions that no dso defines.
    pub types: HashMap<Function, FuncType>,
    /// Types of the tags that no dso defines, by name.
    pub language_tags: HashMap<String, FuncType>,
    /// Functions whose address is taken and that no dso's element segment holds, with their slots.
    pub slots: Vec<(u32, Function)>,
    /// Elements of the table.
    pub table_len: u32,
    /// Pages of the memory, of 64 KiB.
    pub memory_pages: u64,
    /// Whether threads can share the memory.
    pub is_memory_shared: bool,
    /// The stack in memory; empty if the main program brings its own.
    pub stack: Range<u64>,
}

/// A function, by who defines it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Function {
    /// A dso.
    Dso(DsoId, DefinedFuncIndex),
    /// A host, under this module and field.
    Host(String, String),
    /// The loader, under this name; for Emscripten's side modules too.
    Loader(String),
    /// Nobody: which symbol and who needs it, as a message, and the type that is wanted.
    Undefined(String, String),
}

impl Function {
    /// Whether a dso defines it.
    #[must_use]
    pub fn is_dsos(&self) -> bool {
        matches!(self, Function::Dso(..))
    }
}

/// What an import is bound to.
#[derive(Clone, Debug)]
pub enum Target {
    /// A function.
    Function(Function),
    /// A number: an address, a table index, a base, or the zero of an undefined weak symbol.
    Number(u64),
    /// The same where the dso may change it: the first value of a global of its own.
    Cell(u64),
    /// `__stack_pointer`.
    StackPointer,
    /// A global of a dso's, which can be one that it imports.
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
    /// A tag of a language's, which no dso defines: its name.
    LanguageTag(String),
}

/// A function that is called while loading.
#[derive(Clone, Debug)]
pub struct Step {
    /// Which.
    pub function: Function,
    /// What it is called with, if it takes anything.
    pub argument: Option<Value>,
}

/// How a plan differs from a load.
#[derive(Clone, Copy, Debug, Default)]
pub struct PlanOptions {
    /// Whether a library's `dlopen` and its family serve where one defines them, since no loader
    /// will.
    pub allows_dlfcn: bool,
}

/// Plans the load of the program at `program`. Functions of modules that are neither a dso nor the
/// dynamic linker's are taken to be a host's.
///
/// # Errors
/// What would make the load fail.
pub fn plan(options: Options, program: &Path, how: PlanOptions) -> Result<Plan, LoadError> {
    let preload = options.preload.clone();
    let mut loader = Loader::new(options)?;
    let (linker, process) = loader.parts();
    let mut linker = lock(linker);
    linker.own_wins = if how.allows_dlfcn { |_| false } else { has_no_other_definition };
    let batch = {
        let Linker { map, search, dialects, cache, kept, .. } = &mut *linker;
        let known = &mut Known { cache: cache.as_ref(), kept };
        deps::read_start(map, search, known, program, &preload, dialects.flat.as_deref())?
    };
    batch.check_complete()?;
    if let Some(dso) = linker.map.iter().find(|dso| dso.dyninfo().is_some()) {
        return Err(LoadError::NeedsLoader { dso: dso.name.to_string() });
    }
    // Beyond this point no dso joins the plan.

    add_hosts(&mut linker);
    let references = open::prepare(&mut linker, process, &batch, dlfcn::Flags::NOW)?;
    let Linker { map, slots, space, .. } = &mut *linker;
    bind::assign_slots(map, slots, space, process, &references)?;
    // Beyond this point every symbol has its final address.

    of_references(&mut linker, process, references)
}

/// Of the loader's own functions, those that a C library cannot stand in for.
fn has_no_other_definition(name: &str) -> bool {
    dlfcn::is_own(name) && !exit::is_libcs(name)
}

/// Takes every function that is imported from an unknown module to be a host's.
fn add_hosts(linker: &mut Linker) {
    let Linker { map, hosts, .. } = linker;
    for dso in map.iter() {
        for import in &dso.module.imports {
            let (module, field) = (import.module.as_str(), import.field.as_str());
            let EntityType::Func(ty) = import.ty else { continue };
            let is_linked = LINKER_MODULES.contains(&module) || map.by_stem(module).is_some();
            if is_linked || hosts.func_type(module, field).is_some() {
                continue;
            }
            let function = HostFunction::new(
                field.to_owned(),
                dso.module.types[ty.index()].clone(),
                Arc::new(|_, _| Err(Trap::new(TrapCode::Host, "nothing runs here").into())),
            );
            hosts.add(module.to_owned(), field.to_owned(), function);
        }
    }
}

fn of_references(
    linker: &mut Linker,
    process: &Process,
    references: References,
) -> Result<Plan, LoadError> {
    let functions = definers(linker, process);
    let tags: HashMap<_, _> =
        linker.tags.iter().map(|(name, (tag, _))| (*tag, name.clone())).collect();
    let target = |reference| match reference {
        Reference::Func(func) => Target::Function(functions[&func].0.clone()),
        Reference::FunctionPointer(func) => {
            let slot = linker.slots.get(func);
            Target::Number(slot.expect("every function whose address is taken got a slot").into())
        }
        Reference::Address(number) => Target::Number(number),
        Reference::StackPointer => Target::StackPointer,
        Reference::Global(id, global) => Target::Global(id, global),
        Reference::ProcessMemory => Target::ProcessMemory,
        Reference::ProcessTable => Target::ProcessTable,
        Reference::Memory(id, memory) => Target::Memory(id, memory),
        Reference::Table(id, table) => Target::Table(id, table),
        Reference::Tag(id, tag) => Target::Tag(id, tag),
        Reference::OwnTag(tag) => Target::LanguageTag(tags[&tag].clone()),
    };
    let imports = references.into_iter().map(|(id, references)| {
        let mut targets: Vec<Target> = references.into_iter().map(target).collect();
        make_cells(&linker.map.dso(id).module, &mut targets);
        (id, targets)
    });
    let imports: HashMap<DsoId, Vec<Target>> = imports.collect();

    let function = |func: FuncId| functions[&func].0.clone();
    init::find_constructors(&mut linker.map, DsoId(0), process)?;
    let main = linker.map.main().ok_or(LoadError::NoMain)?;
    let order = main.dependencies.iter().rev();
    let constructors = order.filter_map(|id| linker.map.dso(*id).constructor).map(function);
    let constructors = constructors.collect();
    let mut slots: Vec<(u32, Function)> =
        linker.slots.fresh().map(|(func, slot)| (slot, function(func))).collect();
    slots.sort();
    let language_tags = linker.tags.iter().map(|(name, (_, ty))| {
        let ty = process.func_type(*ty).expect("its type was interned");
        (name.clone(), (**ty).clone())
    });
    let main = linker.map.main().ok_or(LoadError::NoMain)?;
    Ok(Plan {
        steps: steps(linker, process, &imports, &function),
        constructors,
        entry: run::entry_point(main),
        types: functions.values().filter(|(function, _)| !function.is_dsos()).cloned().collect(),
        language_tags: language_tags.collect(),
        slots,
        table_len: process.table_len(),
        memory_pages: process.memory_pages(),
        is_memory_shared: process.is_memory_shared(),
        stack: linker.space.stack.clone(),
        imports,
        map: std::mem::take(&mut linker.map),
    })
}

/// Who defines each function of the process, and its type.
fn definers(linker: &Linker, process: &Process) -> HashMap<FuncId, (Function, FuncType)> {
    let mut definers = HashMap::new();
    for dso in linker.map.iter() {
        let imported = dso.module.imported_functions;
        for index in 0..dso.module.functions.len() as u32 - imported {
            let func = process.defined_func(dso.instance(), DefinedFuncIndex(index));
            let ty = dso.module.func_type(FuncIndex(imported + index)).clone();
            definers.insert(func, (Function::Dso(dso.id, DefinedFuncIndex(index)), ty));
        }
    }
    for (module, field, ty, func) in linker.hosts.bound() {
        let function = if module.starts_with('\0') {
            Function::Loader(field.to_owned())
        } else {
            Function::Host(module.to_owned(), field.to_owned())
        };
        definers.insert(func, (function, ty.clone()));
    }
    for (func, symbol, asker, ty) in linker.unbound.iter() {
        let ty = process.func_type(ty).expect("its type was interned");
        let message = format!("`{symbol}` (needed by {})", linker.map.dso(asker).name);
        definers.insert(func, (Function::Undefined(message, ty.to_string()), (**ty).clone()));
    }
    definers
}

/// The order of [`crate::relocate::run`].
fn steps(
    linker: &Linker,
    process: &Process,
    imports: &HashMap<DsoId, Vec<Target>>,
    function: &impl Fn(FuncId) -> Function,
) -> Vec<Step> {
    let step = |function, argument| Step { function, argument };
    let mut steps = Vec::new();
    for dso in linker.map.iter() {
        let Some(start) = dso.module.start else { continue };
        let started = match dso.module.defined_func(start) {
            Some(defined) => Function::Dso(dso.id, defined),
            None => match imports[&dso.id].iter().filter(is_function).nth(start.index()) {
                Some(Target::Function(function)) => function.clone(),
                _ => continue,
            },
        };
        steps.push(step(started, None));
    }
    let relocations: Vec<Relocation> =
        linker.map.iter().map(|dso| Relocation::of_dso(dso, process)).collect();
    let data = relocations.iter().filter_map(|it| it.data);
    steps.extend(data.map(|func| step(function(func), None)));
    for relocation in &relocations {
        if let Some((func, pointer)) = relocation.tls {
            steps.push(step(function(func), Some(pointer)));
        }
        steps.extend(relocation.tls_data.map(|func| step(function(func), None)));
    }
    steps
}

/// Numbers that the module itself, or whoever it exports them to, may change.
fn make_cells(module: &Module, targets: &mut [Target]) {
    let globals = module.imports.iter().zip(targets);
    let globals = globals.filter(|(import, _)| matches!(import.ty, EntityType::Global(_)));
    for ((_, target), is_assigned) in globals.zip(bind::assigned_globals(module)) {
        if let (Target::Number(number), true) = (&*target, is_assigned) {
            *target = Target::Cell(*number);
        }
    }
}

fn is_function(target: &&Target) -> bool {
    matches!(target, Target::Function(..))
}
