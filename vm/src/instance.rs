//! A module live in a process: which process-wide entity each of its indices means.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::context::{FuncId, GlobalSlot};
use crate::module::Module;
use crate::types::{DefinedFuncIndex, FuncIndex, HeapType, RefType, TypeId, ValType};
use crate::value::RawValue;

/// An instance, by its position in the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct InstanceId(pub u32);

/// A memory, by its position in the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MemoryId(pub u32);

impl MemoryId {
    /// The memory that all dsos share; code reaches it through the pinned register.
    pub const PROCESS: MemoryId = MemoryId(0);
}

/// A table, by its position in the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TableId(pub u32);

impl TableId {
    /// The table that all dsos share; code reaches it through the context.
    pub const PROCESS: TableId = TableId(0);
}

/// A tag, one identity per process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TagId(pub u32);

/// Where code finds the value of a global.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GlobalPlace {
    /// It never changes from here on: an immutable global, a base, a bound GOT entry. Code has it
    /// as an immediate.
    Constant(RawValue),
    /// A slot of the context.
    Slot(GlobalSlot),
    /// `__stack_pointer`, in the context itself.
    StackPointer,
}

/// How code calls a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Callee {
    /// The function.
    pub func: FuncId,
    /// Whether the binding can still change; then code calls through the function's `VmFuncRef`
    /// instead of its address.
    pub is_preemptible: bool,
}

/// A memory as an instance uses it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryPlace {
    /// Which one.
    pub id: MemoryId,
    /// Slot of its `VmDescriptor`; unused for the process memory.
    pub descriptor: GlobalSlot,
}

/// A table as an instance uses it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TablePlace {
    /// Which one.
    pub id: TableId,
    /// Slot of its `VmDescriptor`; unused for the process table.
    pub descriptor: GlobalSlot,
}

/// What is given for one import.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Extern {
    /// A function.
    Func(Callee),
    /// A table.
    Table(TableId),
    /// A memory.
    Memory(MemoryId),
    /// A global.
    Global(GlobalPlace),
    /// A tag.
    Tag(TagId),
}

/// A module with a place in the process. Vectors are by module index, imports first.
#[derive(Debug)]
pub struct Instance {
    /// Its position in the process.
    pub id: InstanceId,
    /// For messages: file name of the dso.
    pub name: Arc<str>,
    /// What it is an instance of.
    pub module: Arc<Module>,
    /// Process-wide id of each type.
    pub types: Vec<TypeId>,
    /// Each function that it imports.
    pub imported_functions: Vec<Callee>,
    /// The first function that it defines; the others follow.
    pub first_func: FuncId,
    /// Each table.
    pub tables: Vec<TablePlace>,
    /// Each memory.
    pub memories: Vec<MemoryPlace>,
    /// Each global.
    pub globals: Vec<GlobalPlace>,
    /// Each tag.
    pub tags: Vec<TagId>,
}

/// Which instance defines each function, as it was at one time.
#[derive(Clone, Debug, Default)]
pub struct Definitions {
    /// By the id of their first function.
    instances: BTreeMap<u32, Arc<Instance>>,
}

impl Definitions {
    /// The instance that defines a function, if it is among these.
    #[must_use]
    pub fn find(&self, func: FuncId) -> Option<(&Instance, DefinedFuncIndex)> {
        let (_, instance) = self.instances.range(..=func.0).next_back()?;
        Some((instance, instance.defined(func)?))
    }

    /// Those of these that define what an instance imports and is bound to for good, each once.
    #[must_use]
    pub fn definers(&self, importer: &Instance) -> BTreeMap<InstanceId, &Instance> {
        let imported = importer.imported_functions.iter();
        let for_good = imported.filter(|callee| !callee.is_preemptible);
        let definers = for_good.filter_map(|callee| self.find(callee.func));
        definers.map(|(definer, _)| (definer.id, definer)).collect()
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Instance> {
        self.instances.values().map(|instance| &**instance)
    }
}

impl FromIterator<Arc<Instance>> for Definitions {
    fn from_iter<I: IntoIterator<Item = Arc<Instance>>>(instances: I) -> Self {
        let instances = instances.into_iter().filter(|instance| instance.defined_len() > 0);
        let by_first = instances.map(|instance| (instance.first_func.0, instance));
        Definitions { instances: by_first.collect() }
    }
}

impl Instance {
    /// The index of a function among those that the instance defines, if it does.
    #[must_use]
    pub fn defined(&self, func: FuncId) -> Option<DefinedFuncIndex> {
        let position = func.0.checked_sub(self.first_func.0)?;
        (position < self.defined_len()).then_some(DefinedFuncIndex(position))
    }

    /// How many functions it defines.
    fn defined_len(&self) -> u32 {
        self.module.functions.len() as u32 - self.module.imported_functions
    }

    /// How code calls a function of the module's index space.
    #[inline]
    #[must_use]
    pub fn callee(&self, func: FuncIndex) -> Callee {
        let imported = self.imported_functions.get(func.index()).copied();
        imported.unwrap_or_else(|| {
            let position = func.0 - self.imported_functions.len() as u32;
            Callee { func: FuncId(self.first_func.0 + position), is_preemptible: false }
        })
    }

    /// A function of the module's index space.
    #[inline]
    #[must_use]
    pub fn func(&self, func: FuncIndex) -> FuncId {
        self.callee(func).func
    }

    /// A type of the module as the whole process knows it.
    #[must_use]
    pub fn canonical(&self, ty: ValType) -> ValType {
        ty.with_types(|index| HeapType::Canonical(self.types[index.index()]))
    }

    /// A reference type of the module as the whole process knows it.
    #[must_use]
    pub fn canonical_ref(&self, ty: RefType) -> RefType {
        ty.with_types(|index| HeapType::Canonical(self.types[index.index()]))
    }
}
