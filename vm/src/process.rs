//! A process: one memory, one table, one text, and every instance linked into them.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, btree_map};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::builtins;
use crate::code::{Code, CodeStore, TrapCode, TrapSite};
use crate::context::{
    Builtin, FuncId, GlobalSlot, HEAP_HALF_BYTES, PROCESS_MEMORY_BYTES_MAX, VmContext, VmFuncRef,
};
use crate::departure::{Departure, Registered};
use crate::direct::Direct;
use crate::error::Error;
use crate::handle::Handles;
use crate::heap::Heap;
use crate::instance::{Callee, Definitions, Instance, InstanceId, TagId};
use crate::interrupt::Interrupter;
use crate::listener::CodeListener;
use crate::memory::Memory;
use crate::module::Module;
use crate::registry::TypeRegistry;
use crate::space::Space;
use crate::stack::Stack;
use crate::stubs::Stubs;
use crate::table::Table;
use crate::text::{Owner, Role, Text, Unplaced, Unread};
use crate::trap::Stop;
use crate::type_rows::TypeRows;
use crate::types::{DefinedFuncIndex, FuncType, GlobalIndex, HeapType, RefType, TypeId, TypeIndex};
use crate::unload::{Names, RETIRED_FUNCTIONS_MAX};
use crate::value::RawValue;

/// Limits of a process.
#[derive(Clone, Debug)]
pub struct Config {
    /// Most bytes that a memory can have.
    pub memory_bytes_max: u64,
    /// Most elements that a table can have.
    pub table_len_max: u32,
    /// Bytes of native stack that wasm can use.
    pub stack_size_bytes: usize,
    /// Most bytes of objects on the garbage-collected heap, at most 3 GiB. While a collection
    /// copies what is alive, that is there twice.
    pub heap_bytes_max: u64,
    /// Whether every allocation collects, and moves all objects: finds stale references in tests.
    pub is_heap_stressed: bool,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            memory_bytes_max: 1 << 32,
            table_len_max: 10_000_000,
            stack_size_bytes: 8 << 20,
            heap_bytes_max: HEAP_HALF_BYTES as u64,
            is_heap_stressed: false,
        }
    }
}

/// A function of the host that wasm can call.
#[derive(Clone)]
pub struct HostFunction {
    /// Its name, for messages and backtraces.
    pub name: String,
    /// Its type.
    pub ty: FuncType,
    /// What it does.
    pub func: HostFunc,
    /// How it can be called without slots, if its integers leave registers for what that takes.
    pub(crate) direct: Option<Direct>,
}

impl HostFunction {
    /// A function of any type; its code reads and writes slots.
    pub fn new(name: impl Into<String>, ty: FuncType, func: HostFunc) -> HostFunction {
        HostFunction { name: name.into(), ty, func, direct: None }
    }
}

/// What a host function does: arguments are in the slots from the first on, and so are the results
/// when it returns. There are as many slots as the larger of the two needs.
pub type HostFunc = Arc<dyn Fn(&mut Process, &mut [RawValue]) -> Result<(), Stop> + Send + Sync>;

impl fmt::Debug for HostFunction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HostFunction({} {})", self.name, self.ty)
    }
}

/// Where a memory or table goes that a module defines itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placement {
    /// The first of each is the process's.
    Process,
    /// The first memory is the process's, and so is the first table if `table` says so. Other than
    /// with `Process`, its limits and its stack pointer are nobody else's.
    Joined {
        /// Whether the first table is the process's.
        table: bool,
    },
    /// All are the instance's own.
    Private,
}

/// Who defines a range of functions.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Definer {
    /// An instance, from its defined function 0 on.
    Instance(InstanceId),
    /// The host: the number of its host function.
    Host(u32),
    /// An entry trampoline: never called by wasm.
    Stub,
    /// Nobody yet; its name is in `Process::unbound`.
    Unbound,
    /// An instance that was discarded.
    Gone,
}

/// What `declare` took and `bind` has not turned into an instance yet.
#[derive(Debug)]
pub(crate) struct Declared {
    pub(crate) name: Arc<str>,
    pub(crate) module: Arc<Module>,
    pub(crate) placement: Placement,
    pub(crate) types: Vec<TypeId>,
    pub(crate) first_func: FuncId,
    /// Slot of each defined mutable global, by its position among the defined globals.
    pub(crate) slots: Vec<Option<GlobalSlot>>,
}

/// An instance in any state of its life.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) declared: Declared,
    pub(crate) instance: Option<Arc<Instance>>,
    /// Which data segments are used up.
    pub(crate) data_dropped: Vec<bool>,
    /// Which element segments are used up.
    pub(crate) elements_dropped: Vec<bool>,
    /// What element segments hold whose elements may be objects, once they were made.
    pub(crate) element_values: Vec<Option<Box<[u32]>>>,
}

/// How many processes this program has made.
static PROCESSES: AtomicU64 = AtomicU64::new(0);

/// A process.
pub struct Process {
    /// How wasm was left. The first field: nothing that it refers to ends before it.
    pub(crate) departure: Registered,
    /// Tells it from every other process of this program.
    pub(crate) serial: u64,
    pub(crate) config: Config,
    pub(crate) stubs: Arc<dyn Stubs>,
    pub(crate) types: TypeRegistry,
    pub(crate) space: Space,
    pub(crate) stack: Stack,
    pub(crate) text: Text,
    /// Code that traps: where functions of discarded instances lead.
    pub(crate) discarded: usize,
    /// Whether the main program made the process memory a shared one.
    pub(crate) is_memory_shared: bool,
    /// Memories but the process memory, which is number 0 here and lies in `space`.
    pub(crate) memories: Vec<Option<Memory>>,
    /// Tables; number 0 is the process table.
    pub(crate) tables: Vec<Option<Table>>,
    pub(crate) tags: Vec<TypeId>,
    pub(crate) instances: Vec<Option<Entry>>,
    pub(crate) host_functions: Vec<HostFunction>,
    /// Which of them take or give references that the host has by handles.
    pub(crate) managed_host_functions: Vec<bool>,
    /// Who defines functions: first id of each range.
    pub(crate) definers: BTreeMap<u32, Definer>,
    /// What stood in elements of the process table that are null now: names of functions that were
    /// unloaded.
    pub(crate) unloaded: HashMap<u32, String>,
    /// What functions were called that are no more, by the first of each range.
    pub(crate) gone: HashMap<u32, Names>,
    /// Those of `gone` that keep a module.
    pub(crate) gone_with_module: BTreeSet<u32>,
    /// How many of them it takes to look for references to them.
    pub(crate) reclaim_functions_at: usize,
    /// Tags of instances that are no more.
    pub(crate) free_tags: Vec<TagId>,
    /// Names of functions that were made without a definition.
    pub(crate) unbound: HashMap<FuncId, String>,
    pub(crate) resolver: Option<Arc<dyn crate::resolver::Resolver>>,
    pub(crate) listener: Option<Arc<dyn CodeListener>>,
    /// Code that `link` will place.
    pub(crate) unplaced: Vec<Unplaced>,
    /// Entry trampoline for each type, by its id; 0 for those that the host has not called yet.
    pub(crate) entries: Vec<usize>,
    pub(crate) exceptions: crate::exception::Exceptions,
    pub(crate) heap: Heap,
    pub(crate) type_rows: TypeRows,
    /// Global slots that may refer to objects.
    pub(crate) managed_globals: HashSet<GlobalSlot>,
    pub(crate) handles: Handles,
    /// Where wasm's part of the stack starts, while wasm makes an object.
    pub(crate) allocating_stack: Option<usize>,
    /// Most bytes of the process memory: the limit, and the maximum of a main that defines it.
    pub(crate) memory_bytes_max: u64,
    pub(crate) interrupter: Interrupter,
}

impl fmt::Debug for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Process").field("instances", &self.instances.len()).finish_non_exhaustive()
    }
}

impl Process {
    /// A process without instances: no memory pages, a table with one null element.
    ///
    /// # Errors
    /// If the address space cannot be had.
    pub fn new(config: &Config, stubs: Arc<dyn Stubs>) -> Result<Process, Error> {
        let space = Space::new()?;
        let stack = Stack::new(config.stack_size_bytes)?;
        let mut table = Table::process(config.table_len_max)?;
        table.grow(1, VmFuncRef::NULL)?;
        let mut text = Text::new()?;
        let discarded = text.place(vec![discarded_function()], |_| None)?[0].1;
        let heap = Heap::new(space.reservation(), config.heap_bytes_max, config.is_heap_stressed);
        let type_rows = TypeRows::new()?;
        let interrupter = Interrupter::default();
        let departure = Departure::new(
            text.range(),
            stack.readable(),
            space.context_address(),
            interrupter.flag(),
        );
        let mut process = Process {
            departure: Registered::new(departure),
            serial: PROCESSES.fetch_add(1, Ordering::Relaxed),
            config: config.clone(),
            stubs,
            types: TypeRegistry::default(),
            space,
            stack,
            text,
            discarded,
            is_memory_shared: false,
            memories: vec![None],
            tables: vec![Some(table)],
            tags: Vec::new(),
            instances: Vec::new(),
            host_functions: Vec::new(),
            managed_host_functions: Vec::new(),
            definers: BTreeMap::new(),
            unloaded: HashMap::new(),
            gone: HashMap::new(),
            gone_with_module: BTreeSet::new(),
            reclaim_functions_at: RETIRED_FUNCTIONS_MAX,
            free_tags: Vec::new(),
            unbound: HashMap::new(),
            resolver: None,
            listener: None,
            unplaced: Vec::new(),
            entries: Vec::new(),
            exceptions: crate::exception::Exceptions::default(),
            heap,
            type_rows,
            managed_globals: HashSet::new(),
            handles: Handles::default(),
            allocating_stack: None,
            memory_bytes_max: config.memory_bytes_max.min(PROCESS_MEMORY_BYTES_MAX as u64),
            interrupter,
        };
        let limit = process.stack.limit();
        let table_base = process.process_table().base();
        let type_rows = process.type_rows.base();
        let (heap_next, heap_limit) = (process.heap.start(), process.heap.limit());
        process.set_context(|context| {
            context.builtins[..Builtin::COUNT].copy_from_slice(&builtins::addresses());
            context.resolver = crate::resolver::address();
            context.stack_limit = limit;
            context.table_base = table_base;
            context.table_len = 1;
            context.type_rows = type_rows;
            (context.heap_next, context.heap_limit) = (heap_next, heap_limit);
        });
        Ok(process)
    }

    /// The id of a function type.
    pub fn intern_type(&mut self, ty: &FuncType) -> TypeId {
        self.types.intern(ty)
    }

    /// The function type behind an id.
    #[must_use]
    pub fn func_type(&self, id: TypeId) -> Option<&Arc<FuncType>> {
        self.types.get(id)
    }

    /// Whether a function of type `id` can be given for one of type `of`.
    #[must_use]
    pub fn is_func_subtype(&self, id: TypeId, of: TypeId) -> bool {
        self.types.is_subtype(id, of)
    }

    /// What a type of the module of `id` is in the whole process. An instance needs not be bound
    /// yet.
    #[must_use]
    pub fn declared_type(&self, id: InstanceId, ty: TypeIndex) -> TypeId {
        self.entry(id).declared.types[ty.index()]
    }

    /// A type in the words of the module of `id`, in those of the process.
    #[must_use]
    pub fn canonical_ref(&self, id: InstanceId, ty: RefType) -> RefType {
        ty.with_types(|index| HeapType::Canonical(self.declared_type(id, index)))
    }

    /// The limits it was made with.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The type of a function, or `None` for null and what does not exist.
    #[must_use]
    pub fn func_type_id(&self, func: FuncId) -> Option<TypeId> {
        if func.0 >= self.space.functions_len() {
            return None;
        }
        Some(self.space.function(func).type_id).filter(|id| id.0 != 0)
    }

    /// `dso!function`, for messages.
    #[must_use]
    pub fn func_name(&self, func: FuncId) -> String {
        match self.definers.range(..=func.0).next_back() {
            Some((first, Definer::Instance(id))) => {
                let Some(Some(entry)) = self.instances.get(id.0 as usize) else {
                    return format!("unloaded function {}", func.0);
                };
                let module = &entry.declared.module;
                let index = crate::types::FuncIndex(func.0 - first + module.imported_functions);
                if index.index() >= module.functions.len() {
                    return format!("function {}", func.0);
                }
                format!("{}!{}", entry.declared.name, module.func_name(index))
            }
            Some((_, Definer::Host(number))) => {
                format!("host!{}", self.host_functions[*number as usize].name)
            }
            Some((_, Definer::Unbound)) => self
                .unbound
                .get(&func)
                .map_or_else(|| format!("function {}", func.0), String::clone),
            Some((first, Definer::Gone)) => {
                let name = self.gone.get(first).and_then(|names| names.get(func.0 - first));
                name.unwrap_or_else(|| format!("unloaded function {}", func.0))
            }
            Some((_, Definer::Stub)) | None => format!("function {}", func.0),
        }
    }

    /// Whether the process memory is one for threads, as the importing modules' types say.
    #[must_use]
    pub fn is_memory_shared(&self) -> bool {
        self.is_memory_shared
    }

    /// Says whether the process memory is one for threads. It is the process's alone either way:
    /// a program that was built for threads runs as long as it starts none.
    pub fn set_memory_shared(&mut self, is_shared: bool) {
        self.is_memory_shared = is_shared;
    }

    /// Sets the guest's `__stack_pointer`.
    pub fn set_stack_pointer(&mut self, value: u64) {
        self.set_context(|context| context.stack_pointer = value);
    }

    /// The guest's `__stack_pointer`.
    #[must_use]
    pub fn stack_pointer(&self) -> u64 {
        self.context().stack_pointer
    }

    /// Makes a host function callable from wasm. It has code after the next [`Process::link`].
    ///
    /// # Errors
    /// If there are too many functions.
    pub fn add_host_function(&mut self, function: HostFunction) -> Result<FuncId, Error> {
        let type_id = self.types.intern(&function.ty);
        self.add_host_function_as(function, type_id)
    }

    /// As [`Process::add_host_function`], of a type that a module declared: it may be no final one,
    /// or one of a group. `function.ty` is what the type is.
    ///
    /// # Errors
    /// If there are too many functions.
    pub fn add_host_function_as(
        &mut self,
        function: HostFunction,
        type_id: TypeId,
    ) -> Result<FuncId, Error> {
        let func = self.space.add_functions(1)?;
        let number = u32::try_from(self.host_functions.len()).expect("function ids are 32 bits");
        self.space.set_function(func, VmFuncRef { code: 0, type_id, func });
        let (owner, code) = match &function.direct {
            Some(direct) => (Owner::Thunk, direct.thunk()),
            None => (Owner::Stub, self.stubs.host_call(&function.ty, number)),
        };
        let functions = vec![(func, Unread::Here(code))];
        self.unplaced.push(Unplaced { owner, role: Role::Final, functions });
        self.definers.insert(func.0, Definer::Host(number));
        let mut values = function.ty.params.iter().chain(&function.ty.results);
        let is_managed = values.any(|ty| self.has_handles(*ty));
        self.managed_host_functions.push(is_managed);
        self.host_functions.push(function);
        Ok(func)
    }

    /// A mutable global that the host makes.
    ///
    /// # Errors
    /// If there are too many.
    pub fn add_global(&mut self, initial: RawValue) -> Result<GlobalSlot, Error> {
        let slot = self.space.add_globals(1)?;
        self.space.set_global(slot, initial);
        Ok(slot)
    }

    /// The value in a global slot.
    #[must_use]
    pub fn global(&self, slot: GlobalSlot) -> RawValue {
        self.space.global(slot)
    }

    /// Changes the value in a global slot.
    pub fn set_global(&mut self, slot: GlobalSlot, value: RawValue) {
        self.space.set_global(slot, value);
    }

    /// A new tag whose payload is the parameters of `ty`.
    pub fn add_tag(&mut self, ty: TypeId) -> TagId {
        self.new_tag(ty)
    }

    /// Gives `module` a place: ids for its functions and slots for its mutable globals, so that
    /// others can be bound to them before this instance is bound itself.
    ///
    /// # Errors
    /// If the process has too many functions or globals.
    pub fn declare(
        &mut self,
        name: &str,
        module: Arc<Module>,
        placement: Placement,
    ) -> Result<InstanceId, Error> {
        let types = self.types.intern_module(&module);
        self.describe_types()?;
        let imported = module.imported_functions as usize;
        let defined = &module.functions[imported..];
        let defined_types: Vec<TypeId> = defined.iter().map(|ty| types[ty.index()]).collect();
        self.reclaim_functions();
        let first_func = self.space.add_functions_of(&defined_types, module.digest.get())?;
        let mut slots = Vec::new();
        for ty in &module.globals[module.imported_globals as usize..] {
            slots.push(if ty.is_mutable { Some(self.space.add_globals(1)?) } else { None });
            let value = ty.value.with_types(|index| HeapType::Canonical(types[index.index()]));
            if let Some(Some(slot)) = slots.last()
                && self.types.is_managed(value)
            {
                self.managed_globals.insert(*slot);
            }
        }
        let vacant = self.instances.iter().position(Option::is_none);
        let position = vacant.unwrap_or(self.instances.len());
        let id = InstanceId(u32::try_from(position).expect("instances are bounded"));
        if !defined.is_empty() {
            self.definers.insert(first_func.0, Definer::Instance(id));
            self.gone.remove(&first_func.0);
        }
        let entry = Entry {
            data_dropped: vec![false; module.data.len()],
            elements_dropped: vec![false; module.elements.len()],
            element_values: vec![None; module.elements.len()],
            declared: Declared { name: name.into(), module, placement, types, first_func, slots },
            instance: None,
        };
        match vacant {
            Some(position) => self.instances[position] = Some(entry),
            None => self.instances.push(Some(entry)),
        }
        Ok(id)
    }

    /// The id of a function that a declared instance defines.
    #[must_use]
    pub fn defined_func(&self, id: InstanceId, func: DefinedFuncIndex) -> FuncId {
        FuncId(self.entry(id).declared.first_func.0 + func.0)
    }

    /// The slot of a mutable global that a declared instance defines.
    #[must_use]
    pub fn defined_global(&self, id: InstanceId, global: GlobalIndex) -> Option<GlobalSlot> {
        let declared = &self.entry(id).declared;
        let position = global.0.checked_sub(declared.module.imported_globals)?;
        declared.slots.get(position as usize).copied().flatten()
    }

    /// A bound instance.
    ///
    /// # Panics
    /// If `id` was not bound, or was discarded.
    #[must_use]
    pub fn instance(&self, id: InstanceId) -> &Arc<Instance> {
        self.entry(id).instance.as_ref().expect("the instance is bound")
    }

    /// Takes the code of an instance's functions, by [`DefinedFuncIndex`]; [`Process::link`] places
    /// it.
    ///
    /// # Panics
    /// If there is not one code per defined function.
    pub fn publish(&mut self, id: InstanceId, code: Vec<Code>) {
        let declared = &self.entry(id).declared;
        let defined = declared.module.functions.len() - declared.module.imported_functions as usize;
        assert_eq!(code.len(), defined, "one code per function of `{}`", declared.name);
        let first = declared.first_func.0;
        let code = code.into_iter().map(Unread::Here);
        let functions = (first..).map(FuncId).zip(code).collect();
        self.unplaced.push(Unplaced { owner: Owner::Instance(id), role: Role::Final, functions });
    }

    /// The functions of an instance have no code from here on: their first calls ask the
    /// [`crate::Resolver`], which takes it to [`Process::publish_some`].
    ///
    /// # Errors
    /// If the system has no memory.
    pub fn defer(&mut self, id: InstanceId) -> Result<(), Error> {
        let declared = &self.entry(id).declared;
        let defined = declared.module.functions.len() as u32 - declared.module.imported_functions;
        let first = declared.first_func;
        self.text.open_plt(first, defined)?;
        self.space.clear_counters(first, defined)?;
        for func in (first.0..first.0 + defined).map(FuncId) {
            let code = self.text.plt().unresolved(func);
            let function = self.space.function(func);
            self.space.set_function(func, VmFuncRef { code, ..function });
        }
        Ok(())
    }

    /// Takes the code of some functions of an instance whose functions are deferred;
    /// [`Process::link`] places it. Provisional code may be replaced by publishing better: calls that
    /// are placed until then go through the PLT.
    pub fn publish_some(&mut self, id: InstanceId, code: Vec<(DefinedFuncIndex, Code)>) {
        let first = self.entry(id).declared.first_func.0;
        let functions = code.into_iter();
        let functions = functions.map(|(func, code)| (FuncId(first + func.0), Unread::Here(code)));
        self.publish_unread(id, functions);
    }

    fn publish_unread(
        &mut self,
        id: InstanceId,
        functions: impl Iterator<Item = (FuncId, Unread)>,
    ) {
        let owner = Owner::Instance(id);
        let (provisional, lasting): (Vec<_>, Vec<_>) =
            functions.partition(|(_, unread)| unread.is_provisional());
        for (role, functions) in [(Role::Provisional, provisional), (Role::Final, lasting)] {
            if !functions.is_empty() {
                self.unplaced.push(Unplaced { owner, role, functions });
            }
        }
    }

    /// Places code of a function that calls of the function do not lead to, and gives its address.
    ///
    /// # Errors
    /// If the text is full, or the code calls a function that has none.
    pub fn place_aside(
        &mut self,
        id: InstanceId,
        func: DefinedFuncIndex,
        code: Code,
    ) -> Result<usize, Error> {
        let func = self.defined_func(id, func);
        let functions = vec![(func, Unread::Here(code))];
        let owner = Owner::Instance(id);
        let placed = self.place(vec![Unplaced { owner, role: Role::Aside, functions }])?;
        let address = placed.first().map_or(0, |(_, address)| *address);
        self.show_placed(address, |process| process.func_name(func));
        Ok(address)
    }

    /// As [`Process::publish_some`] for code that lies in a store: each function with its number
    /// there.
    pub fn publish_stored(
        &mut self,
        id: InstanceId,
        store: &Arc<dyn CodeStore>,
        functions: impl IntoIterator<Item = (DefinedFuncIndex, u32)>,
    ) {
        let first = self.entry(id).declared.first_func.0;
        let stored = |number| Unread::Stored(Arc::clone(store), number);
        let functions = functions.into_iter();
        let functions = functions.map(|(func, number)| (FuncId(first + func.0), stored(number)));
        self.publish_unread(id, functions);
    }

    /// Places all published code, binds its calls, and makes it executable.
    ///
    /// # Errors
    /// If the text is full, or code calls a function that has none. Then nothing was placed, or all but
    /// provisional code.
    pub fn link(&mut self) -> Result<(), Error> {
        // Functions of the host brought types too.
        self.describe_types()?;
        let batch = std::mem::take(&mut self.unplaced);
        let is_provisional = |unplaced: &Unplaced| unplaced.role == Role::Provisional;
        let (provisional, lasting) = batch.into_iter().partition(is_provisional);
        // What stays comes first: the other may call it, and is itself called through the PLT.
        for batch in [lasting, provisional] {
            for (func, code) in self.place(batch)? {
                let entry = self.space.function(func);
                self.space.set_function(func, VmFuncRef { code, ..entry });
                self.show_placed(code, |process| process.func_name(func));
            }
        }
        if let Some(listener) = &self.listener {
            listener.flush();
        }
        Ok(())
    }

    fn place(&mut self, batch: Vec<Unplaced>) -> Result<Vec<(FuncId, usize)>, Error> {
        let space = &self.space;
        let address_of = |func: FuncId| {
            let function = space.function(func);
            let is_known = function.code != 0 && function.type_id != TypeId(0);
            is_known.then_some(function.code)
        };
        self.text.place(batch, address_of)
    }

    /// From now on `listener` hears where code is placed.
    pub fn set_code_listener(&mut self, listener: Arc<dyn CodeListener>) {
        self.listener = Some(listener);
    }

    /// Tells who listens that the code at `address` has this name.
    pub(crate) fn show_placed(&self, address: usize, name: impl FnOnce(&Process) -> String) {
        if let Some(listener) = &self.listener
            && let Some(code) = self.text.code_at(address)
        {
            listener.placed(&name(self), address, code);
        }
    }

    /// Bound instances, and those that define the functions that they import, and so on in as many
    /// steps.
    #[must_use]
    pub fn definitions(&self, instances: &[Arc<Instance>], steps: usize) -> Definitions {
        let with_ids = instances.iter().map(|instance| (instance.id, Arc::clone(instance)));
        let mut found: BTreeMap<_, _> = with_ids.collect();
        let mut latest = instances.to_vec();
        for _ in 0..steps {
            let mut next = Vec::new();
            for importer in &latest {
                for callee in &importer.imported_functions {
                    let Some(definer) = self.defining_instance(callee.func) else { continue };
                    if let btree_map::Entry::Vacant(vacant) = found.entry(definer.id) {
                        vacant.insert(Arc::clone(definer));
                        next.push(Arc::clone(definer));
                    }
                }
            }
            latest = next;
        }
        found.into_values().collect()
    }

    fn defining_instance(&self, func: FuncId) -> Option<&Arc<Instance>> {
        match self.definers.range(..=func.0).next_back()? {
            (_, Definer::Instance(id)) => self.entry(*id).instance.as_ref(),
            _ => None,
        }
    }

    /// The callee that imports of a function with a final binding get.
    #[must_use]
    pub fn callee(func: FuncId) -> Callee {
        Callee { func, is_preemptible: false }
    }

    pub(crate) fn entry(&self, id: InstanceId) -> &Entry {
        self.instances[id.0 as usize].as_ref().expect("the instance was not discarded")
    }

    pub(crate) fn entry_mut(&mut self, id: InstanceId) -> &mut Entry {
        self.instances[id.0 as usize].as_mut().expect("the instance was not discarded")
    }

    pub(crate) fn process_table(&self) -> &Table {
        self.tables[0].as_ref().expect("the process table is never given back")
    }

    /// The context, to read.
    pub(crate) fn context(&self) -> &VmContext {
        self.space.context()
    }

    /// Changes the context.
    pub(crate) fn set_context(&mut self, change: impl FnOnce(&mut VmContext)) {
        change(self.space.context_mut());
    }
}

/// `ud2`: stands in for every function that is no more.
fn discarded_function() -> Unplaced {
    let traps = vec![TrapSite { offset: 0, code: TrapCode::UndefinedSymbol }];
    let code = Code { bytes: vec![0x0f, 0x0b], align: 16, traps, ..Code::default() };
    let functions = vec![(FuncId::NULL, Unread::Here(code))];
    Unplaced { owner: Owner::Stub, role: Role::Final, functions }
}
