//! Binding: an instance gets what its imports stand for, and the entities that it defines itself.

use std::sync::Arc;

use crate::const_expr::heap_error;
use crate::context::{GlobalSlot, VmDescriptor};
use crate::error::Error;
use crate::heap::is_object;
use crate::instance::{
    Callee, Extern, GlobalPlace, Instance, InstanceId, MemoryId, MemoryPlace, TableId, TablePlace,
};
use crate::memory::{Memory, page_bytes};
use crate::module::{Entity, EntityType, Import, Module};
use crate::process::{Placement, Process};
use crate::table::Table;
use crate::types::{GlobalIndex, GlobalType, HeapType, MemoryType, TableType, TypeId, ValType};
use crate::value::RawValue;

/// The name under which a main that is not position independent exports its stack pointer.
const STACK_POINTER: &str = "__stack_pointer";

impl Process {
    /// Gives a declared instance one thing per import, in order, and makes what it defines.
    ///
    /// # Errors
    /// If something given is not of the kind and type that the import asks for, or a memory or
    /// table cannot be made.
    pub fn bind(&mut self, id: InstanceId, imports: &[Extern]) -> Result<(), Error> {
        let declared = &self.entry(id).declared;
        let module = Arc::clone(&declared.module);
        assert_eq!(imports.len(), module.imports.len(), "one extern per import");
        let mut instance = Instance {
            id,
            name: Arc::clone(&declared.name),
            types: declared.types.clone(),
            imported_functions: Vec::with_capacity(module.imported_functions as usize),
            first_func: declared.first_func,
            tables: Vec::with_capacity(module.tables.len()),
            memories: Vec::with_capacity(module.memories.len()),
            globals: Vec::with_capacity(module.globals.len()),
            tags: Vec::with_capacity(module.tags.len()),
            module: Arc::clone(&module),
        };
        for (import, given) in module.imports.iter().zip(imports) {
            self.bind_import(&mut instance, import, *given)?;
        }
        // Beyond this point every import is in its index space.

        self.define_tags(&mut instance);
        self.define_memories(&mut instance)?;
        self.define_globals(&mut instance)?;
        self.define_tables(&mut instance)?;
        self.entry_mut(id).instance = Some(Arc::new(instance));
        Ok(())
    }

    fn bind_import(
        &mut self,
        instance: &mut Instance,
        import: &Import,
        given: Extern,
    ) -> Result<(), Error> {
        match (import.ty, given) {
            (EntityType::Func(ty), Extern::Func(callee)) => {
                self.check_func(import, instance.types[ty.index()], callee)?;
                instance.imported_functions.push(callee);
            }
            (EntityType::Table(ty), Extern::Table(table)) => {
                let ty = TableType { element: instance.canonical_ref(ty.element), ..ty };
                let place = self.import_table(import, ty, table)?;
                instance.tables.push(place);
            }
            (EntityType::Memory(ty), Extern::Memory(memory)) => {
                let place = self.import_memory(import, ty, memory)?;
                instance.memories.push(place);
            }
            (EntityType::Global(_), Extern::Global(place)) => instance.globals.push(place),
            (EntityType::Tag(ty), Extern::Tag(tag)) => {
                let (expected, found) = (instance.types[ty.index()], self.tags[tag.0 as usize]);
                if found != expected {
                    return Err(self.func_type_mismatch(import, expected, found));
                }
                instance.tags.push(tag);
            }
            (expected, found) => {
                return Err(Error::ImportKind {
                    import: import.to_string(),
                    expected: kind_of_type(expected),
                    found: kind_of_extern(found),
                });
            }
        }
        Ok(())
    }

    fn check_func(&self, import: &Import, expected: TypeId, given: Callee) -> Result<(), Error> {
        let found = self.func_type_id(given.func).unwrap_or(TypeId(0));
        if self.types.is_subtype(found, expected) {
            return Ok(());
        }
        Err(self.func_type_mismatch(import, expected, found))
    }

    fn func_type_mismatch(&self, import: &Import, expected: TypeId, found: TypeId) -> Error {
        let show = |id| self.types.get(id).map(|ty| (**ty).clone()).unwrap_or_default();
        Error::ImportFuncType {
            import: import.to_string(),
            expected: show(expected),
            found: show(found),
        }
    }

    /// Whether a global of type `found`, in the words of the instance `definer`, can be given for
    /// the import of `importer` that expects `expected`. An instance needs not be bound yet.
    ///
    /// # Errors
    /// If it cannot be given.
    pub fn check_global(
        &self,
        import: &Import,
        (importer, expected): (InstanceId, GlobalType),
        (definer, found): (InstanceId, GlobalType),
    ) -> Result<(), Error> {
        if self.is_global_match((importer, expected), (definer, found)) {
            return Ok(());
        }
        Err(Error::ImportGlobalType { import: import.to_string(), expected, found })
    }

    /// As [`Process::check_global`], for who has an error of its own.
    #[must_use]
    pub fn is_global_match(
        &self,
        (importer, expected): (InstanceId, GlobalType),
        (definer, found): (InstanceId, GlobalType),
    ) -> bool {
        let canonical = |id: InstanceId, ty: ValType| {
            ty.with_types(|index| HeapType::Canonical(self.declared_type(id, index)))
        };
        let of = canonical(importer, expected.value);
        let ty = canonical(definer, found.value);
        let is_match = if expected.is_mutable {
            // What can be written by both must be of the same type for both.
            ty == of
        } else {
            self.types.is_value_subtype(ty, of)
        };
        is_match && expected.is_mutable == found.is_mutable
    }

    fn import_table(
        &mut self,
        import: &Import,
        ty: TableType,
        id: TableId,
    ) -> Result<TablePlace, Error> {
        if id == TableId::PROCESS {
            if (ty.element, ty.is_64) != (crate::types::RefType::FUNCREF, false) {
                let index = if ty.is_64 { "64-bit" } else { "32-bit" };
                return Err(Error::ImportLimits {
                    import: import.to_string(),
                    expected: format!("a table of {} with {index} indices", ty.element),
                    found: "a table of funcref with 32-bit indices".to_owned(),
                });
            }
            self.grow_process_table_to(ty.len_min)?;
            return Ok(TablePlace { id, descriptor: GlobalSlot(0) });
        }
        let table = self.table(id);
        let is_too_small = table.len() < ty.len_min;
        let may_grow_too_far =
            ty.len_max.is_some_and(|max| table.ty.len_max.is_none_or(|has| has > max));
        let is_other_kind = table.ty.element != ty.element || table.ty.is_64 != ty.is_64;
        if is_too_small || may_grow_too_far || is_other_kind {
            let show = |len: u64, max: Option<u64>, element| match max {
                Some(max) => format!("a table of {len} to {max} {element}"),
                None => format!("a table of at least {len} {element}"),
            };
            return Err(Error::ImportLimits {
                import: import.to_string(),
                expected: show(ty.len_min, ty.len_max, ty.element),
                found: show(table.len(), table.ty.len_max, table.ty.element),
            });
        }
        let descriptor = table.descriptor.expect("only the process table has no descriptor");
        Ok(TablePlace { id, descriptor })
    }

    fn import_memory(
        &mut self,
        import: &Import,
        ty: MemoryType,
        id: MemoryId,
    ) -> Result<MemoryPlace, Error> {
        if id == MemoryId::PROCESS {
            let found = (false, self.is_memory_shared, 16);
            if (ty.is_64, ty.is_shared, ty.page_size_log2) != found {
                return Err(Error::ImportLimits {
                    import: import.to_string(),
                    expected: memory_kind((ty.is_64, ty.is_shared, ty.page_size_log2)),
                    found: memory_kind(found),
                });
            }
            let pages = self.memory_pages();
            if ty.pages_min > pages {
                self.grow_memory(ty.pages_min - pages)?;
            }
            return Ok(MemoryPlace { id, descriptor: GlobalSlot(0) });
        }
        let memory = self.memory_by_id(id);
        let len_pages = memory.len_bytes() as u64 >> memory.ty.page_size_log2;
        let is_too_small = len_pages < ty.pages_min;
        let may_grow_too_far =
            ty.pages_max.is_some_and(|max| memory.ty.pages_max.is_none_or(|has| has > max));
        let kind = |ty: MemoryType| (ty.is_64, ty.is_shared, ty.page_size_log2);
        let is_other_kind = kind(memory.ty) != kind(ty);
        if is_too_small || may_grow_too_far || is_other_kind {
            let show = |ty: MemoryType, pages: u64| {
                let shared = if ty.is_shared { "shared " } else { "" };
                let kind = if ty.is_64 { "64-bit memory" } else { "memory" };
                let size = if ty.page_size_log2 == 0 { " of 1 byte" } else { "" };
                match ty.pages_max {
                    Some(max) => format!("a {shared}{kind} of {pages} to {max} pages{size}"),
                    None => format!("a {shared}{kind} of at least {pages} pages{size}"),
                }
            };
            return Err(Error::ImportLimits {
                import: import.to_string(),
                expected: show(ty, ty.pages_min),
                found: show(memory.ty, len_pages),
            });
        }
        Ok(MemoryPlace { id, descriptor: memory.descriptor })
    }

    fn define_tags(&mut self, instance: &mut Instance) {
        for ty in &instance.module.tags[instance.module.imported_tags as usize..] {
            let tag = self.new_tag(instance.types[ty.index()]);
            instance.tags.push(tag);
        }
    }

    fn define_memories(&mut self, instance: &mut Instance) -> Result<(), Error> {
        let module = Arc::clone(&instance.module);
        let placement = self.entry(instance.id).declared.placement;
        for (position, ty) in
            module.memories[module.imported_memories as usize..].iter().enumerate()
        {
            let is_first = position == 0 && is_flat(*ty);
            let place = if placement != Placement::Private && is_first {
                if placement == Placement::Process {
                    self.adopt_process_memory(*ty);
                }
                let missing = ty.pages_min.saturating_sub(self.memory_pages());
                self.grow_memory(missing)?;
                MemoryPlace { id: MemoryId::PROCESS, descriptor: GlobalSlot(0) }
            } else {
                self.add_memory(*ty)?
            };
            instance.memories.push(place);
        }
        Ok(())
    }

    /// The process memory takes the type of a main that defines it.
    fn adopt_process_memory(&mut self, ty: MemoryType) {
        self.is_memory_shared = ty.is_shared;
        if let Some(max) = ty.pages_max {
            let max_bytes = u64::try_from(page_bytes(ty, max)).unwrap_or(u64::MAX);
            self.memory_bytes_max = self.memory_bytes_max.min(max_bytes);
        }
    }

    fn add_memory(&mut self, ty: MemoryType) -> Result<MemoryPlace, Error> {
        let descriptor = self.space.add_globals(1)?;
        let memory = Memory::new(ty, self.config.memory_bytes_max, descriptor)?;
        Ok(self.place_memory(memory))
    }

    /// Takes a memory whose descriptor slot is its own.
    pub(crate) fn place_memory(&mut self, memory: Memory) -> MemoryPlace {
        let descriptor = memory.descriptor;
        self.set_descriptor(descriptor, memory.base(), memory.descriptor_len());
        let position = place(&mut self.memories, memory);
        let id = MemoryId(u32::try_from(position).expect("memories are bounded"));
        MemoryPlace { id, descriptor }
    }

    fn define_globals(&mut self, instance: &mut Instance) -> Result<(), Error> {
        let module = Arc::clone(&instance.module);
        let is_main = self.entry(instance.id).declared.placement == Placement::Process;
        let stack_pointer = module.export(STACK_POINTER).filter(|_| is_main);
        for (position, init) in module.global_inits.iter().enumerate() {
            let index = GlobalIndex(module.imported_globals + position as u32);
            let value = self.evaluate(instance, init).map_err(|stop| heap_error(&stop))?;
            let ty = instance.canonical(module.globals[index.index()].value);
            let slot = match self.entry(instance.id).declared.slots[position] {
                // What the collector moves cannot stand in code, even if nobody assigns it.
                None if self.types.is_managed(ty) && is_object(value.u32()) => {
                    let slot = self.space.add_globals(1)?;
                    self.managed_globals.insert(slot);
                    self.entry_mut(instance.id).declared.slots[position] = Some(slot);
                    Some(slot)
                }
                slot => slot,
            };
            let place = match slot {
                None => GlobalPlace::Constant(value),
                Some(_) if stack_pointer == Some(Entity::Global(index)) => {
                    self.set_stack_pointer(value.u64());
                    GlobalPlace::StackPointer
                }
                Some(slot) => {
                    self.space.set_global(slot, value);
                    GlobalPlace::Slot(slot)
                }
            };
            instance.globals.push(place);
        }
        Ok(())
    }

    fn define_tables(&mut self, instance: &mut Instance) -> Result<(), Error> {
        let module = Arc::clone(&instance.module);
        let placement = self.entry(instance.id).declared.placement;
        let defined = &module.tables[module.imported_tables as usize..];
        for (position, ty) in defined.iter().enumerate() {
            let ty = TableType { element: instance.canonical_ref(ty.element), ..*ty };
            let is_funcref = ty.element == crate::types::RefType::FUNCREF && !ty.is_64;
            let is_process =
                matches!(placement, Placement::Process | Placement::Joined { table: true });
            let place = if is_process && position == 0 && is_funcref {
                self.grow_process_table_to(ty.len_min)?;
                TablePlace { id: TableId::PROCESS, descriptor: GlobalSlot(0) }
            } else {
                self.add_table(ty)?
            };
            instance.tables.push(place);
        }
        Ok(())
    }

    fn add_table(&mut self, ty: TableType) -> Result<TablePlace, Error> {
        let descriptor = self.space.add_globals(1)?;
        let table = Table::new(ty, self.config.table_len_max, descriptor)?;
        self.set_descriptor(descriptor, table.base(), table.len());
        let position = place(&mut self.tables, table);
        let id = TableId(u32::try_from(position).expect("tables are bounded"));
        Ok(TablePlace { id, descriptor })
    }

    /// The value of a global, wherever it is.
    #[must_use]
    pub fn read_global(&self, place: GlobalPlace) -> RawValue {
        match place {
            GlobalPlace::Constant(value) => value,
            GlobalPlace::Slot(slot) => self.space.global(slot),
            GlobalPlace::StackPointer => self.stack_pointer().into(),
        }
    }

    /// Tells code where a memory or table is and how long.
    pub(crate) fn set_descriptor(&mut self, slot: GlobalSlot, base: usize, len: u64) {
        const _: () = assert!(VmDescriptor::BASE == 0 && VmDescriptor::LEN == 8);
        let bits = (base as u128) | (u128::from(len) << 64);
        self.space.set_global(slot, bits.into());
    }

    pub(crate) fn table(&self, id: TableId) -> &Table {
        self.tables[id.0 as usize].as_ref().expect("the table's instance was not discarded")
    }

    pub(crate) fn table_by_id_mut(&mut self, id: TableId) -> &mut Table {
        self.tables[id.0 as usize].as_mut().expect("the table's instance was not discarded")
    }

    pub(crate) fn memory_by_id(&self, id: MemoryId) -> &Memory {
        self.memories[id.0 as usize].as_ref().expect("the memory's instance was not discarded")
    }
}

/// Puts `thing` where there is none, behind the first: that is the process's.
fn place<T>(things: &mut Vec<Option<T>>, thing: T) -> usize {
    let vacant = things.iter().skip(1).position(Option::is_none);
    match vacant.map(|position| position + 1) {
        Some(position) => {
            things[position] = Some(thing);
            position
        }
        None => {
            things.push(Some(thing));
            things.len() - 1
        }
    }
}

/// Words for: whether addresses are `i64`, whether it is shared, logarithm of the page size.
fn memory_kind((is_64, is_shared, page_size_log2): (bool, bool, u32)) -> String {
    let shared = if is_shared { "shared " } else { "" };
    let index = if is_64 { "64-bit" } else { "32-bit" };
    format!("a {shared}memory of {index} addresses and pages of 2^{page_size_log2} bytes")
}

/// Whether a memory can be the process memory.
fn is_flat(ty: MemoryType) -> bool {
    !ty.is_64 && ty.page_size_log2 == 16
}

fn kind_of_type(ty: EntityType) -> &'static str {
    match ty {
        EntityType::Func(_) => "function",
        EntityType::Table(_) => "table",
        EntityType::Memory(_) => "memory",
        EntityType::Global(_) => "global",
        EntityType::Tag(_) => "tag",
    }
}

fn kind_of_extern(found: Extern) -> &'static str {
    match found {
        Extern::Func(_) => "function",
        Extern::Table(_) => "table",
        Extern::Memory(_) => "memory",
        Extern::Global(_) => "global",
        Extern::Tag(_) => "tag",
    }
}

/// What `Module` exports tell of a global that is never assigned: its constant, without imports.
#[must_use]
pub fn constant_global(module: &Module, index: GlobalIndex) -> Option<RawValue> {
    let position = index.0.checked_sub(module.imported_globals)?;
    if module.globals[index.index()].is_mutable {
        return None;
    }
    match module.global_inits[position as usize].ops.as_slice() {
        [crate::module::ConstOp::Value(value)] => Some(*value),
        _ => None,
    }
}
