//! Memories, tables and segments as instructions and instantiation use them. Every range is
//! checked before anything is written.

use std::ops::Range;
use std::sync::Arc;

use crate::code::TrapCode;
use crate::context::{FuncId, VmFuncRef};
use crate::error::Error;
use crate::instance::{Instance, InstanceId, MemoryId, TableId};
use crate::memory::Memory;
use crate::module::{ConstExpr, ElementItems, ElementSegment, SegmentMode};
use crate::process::Process;
use crate::trap::{Stop, Trap};
use crate::types::{DataIndex, ElementIndex, HeapType, RefType, Shape, ValType};

impl Process {
    /// The process memory.
    #[must_use]
    pub fn memory(&self) -> &[u8] {
        self.space.memory()
    }

    /// The process memory, to change.
    pub fn memory_mut(&mut self) -> &mut [u8] {
        self.space.memory_mut()
    }

    /// Length of the process memory in pages of 64 KiB.
    #[must_use]
    pub fn memory_pages(&self) -> u64 {
        self.space.memory_len_bytes() as u64 >> 16
    }

    /// Grows the process memory and gives its old length in pages.
    ///
    /// # Errors
    /// If it would pass its limit, or the system has no memory.
    pub fn grow_memory(&mut self, pages: u64) -> Result<u64, Error> {
        let old = self.memory_pages();
        let limit_bytes = self.memory_bytes_max;
        let wanted_bytes = old.saturating_add(pages).saturating_mul(1 << 16);
        if wanted_bytes > limit_bytes {
            return Err(Error::MemoryLimit { wanted_bytes, limit_bytes });
        }
        self.space.set_memory_len(wanted_bytes as usize)?;
        self.set_context(|context| context.memory_len_bytes = wanted_bytes);
        Ok(old)
    }

    /// Length of the process table in elements.
    #[must_use]
    pub fn table_len(&self) -> u32 {
        self.process_table().len() as u32
    }

    /// Grows the process table with null and gives its old length.
    ///
    /// # Errors
    /// If it would pass its limit, or the system has no memory.
    pub fn grow_table(&mut self, elements: u32) -> Result<u32, Error> {
        let old = self.grow(TableId::PROCESS, u64::from(elements), VmFuncRef::NULL)?;
        Ok(old as u32)
    }

    pub(crate) fn grow_process_table_to(&mut self, len: u64) -> Result<(), Error> {
        let missing = len.saturating_sub(self.process_table().len());
        self.grow(TableId::PROCESS, missing, VmFuncRef::NULL).map(drop)
    }

    /// The function at `index` of the process table; null is [`FuncId::NULL`].
    #[must_use]
    pub fn table_get(&self, index: u32) -> Option<FuncId> {
        self.process_table().get(u64::from(index)).map(|element| element.func)
    }

    /// Puts a function into the process table. It must have code: see [`Process::link`].
    ///
    /// # Errors
    /// If `index` is outside.
    pub fn table_set(&mut self, index: u32, func: FuncId) -> Result<(), Error> {
        let element = self.text.plt().copied(self.space.function(func));
        self.unloaded.remove(&index);
        self.table_by_id_mut(TableId::PROCESS).set(u64::from(index), element)
    }

    /// Grows a memory; the old length in pages, or `None` if it cannot grow so far.
    pub(crate) fn memory_grow(&mut self, id: MemoryId, pages: u64) -> Option<u64> {
        if id == MemoryId::PROCESS {
            return self.grow_memory(pages).ok();
        }
        let memory = self.memories[id.0 as usize].as_mut()?;
        let old = memory.grow(pages)?;
        let (slot, base, len) = (memory.descriptor, memory.base(), memory.descriptor_len());
        self.set_descriptor(slot, base, len);
        Some(old)
    }

    /// A memory that is not the process memory.
    fn own_memory(&mut self, id: MemoryId) -> Option<&mut Memory> {
        if id == MemoryId::PROCESS {
            return None;
        }
        let memory = self.memories[id.0 as usize].as_mut();
        Some(memory.expect("the memory's instance was not discarded"))
    }

    fn memory_len(&self, id: MemoryId) -> usize {
        if id == MemoryId::PROCESS {
            return self.space.memory_len_bytes();
        }
        self.memory_by_id(id).len_bytes()
    }

    fn memory_write(&mut self, id: MemoryId, range: Range<usize>, from: &[u8]) {
        match self.own_memory(id) {
            Some(memory) => memory.write(range.start, from),
            None => self.space.memory_mut()[range].copy_from_slice(from),
        }
    }

    pub(crate) fn memory_fill(
        &mut self,
        id: MemoryId,
        to: u64,
        value: u8,
        len: u64,
    ) -> Result<(), Stop> {
        let range = in_memory(to, len, self.memory_len(id))?;
        match self.own_memory(id) {
            Some(memory) => memory.fill(range, value),
            None => self.space.memory_mut()[range].fill(value),
        }
        Ok(())
    }

    pub(crate) fn memory_copy(
        &mut self,
        (to_id, to): (MemoryId, u64),
        (from_id, from): (MemoryId, u64),
        len: u64,
    ) -> Result<(), Stop> {
        let source = in_memory(from, len, self.memory_len(from_id))?;
        let target = in_memory(to, len, self.memory_len(to_id))?;
        if to_id == from_id {
            match self.own_memory(to_id) {
                Some(memory) => memory.copy_within(source, target.start),
                None => self.space.memory_mut().copy_within(source, target.start),
            }
        } else {
            let copy = match self.own_memory(from_id) {
                Some(memory) => memory.read(source),
                None => self.space.memory()[source].to_vec(),
            };
            self.memory_write(to_id, target, &copy);
        }
        Ok(())
    }

    pub(crate) fn memory_init(
        &mut self,
        id: InstanceId,
        data: DataIndex,
        memory: MemoryId,
        (to, from, len): (u64, u64, u64),
    ) -> Result<(), Stop> {
        let entry = self.entry(id);
        let module = Arc::clone(&entry.declared.module);
        let range = module.data[data.index()].range.clone();
        let is_dropped = entry.data_dropped[data.index()];
        let segment = if is_dropped { &[] } else { &module.bytes[range] };
        let source = checked(from, len, segment.len() as u64).ok_or_else(|| {
            let past = from.max(segment.len() as u64);
            let len = segment.len();
            let detail = format!("offset {past:#x}, data segment {} has {len:#x} bytes", data.0);
            Trap::new(TrapCode::MemoryOutOfBounds, detail)
        })?;
        let target = in_memory(to, len, self.memory_len(memory))?;
        self.memory_write(memory, target, &segment[source]);
        Ok(())
    }

    pub(crate) fn data_drop(&mut self, id: InstanceId, data: DataIndex) {
        self.entry_mut(id).data_dropped[data.index()] = true;
    }

    /// Whether references of this type are functions.
    pub(crate) fn is_func(&self, ty: RefType) -> bool {
        match ty.heap {
            HeapType::Func | HeapType::NoFunc => true,
            HeapType::Canonical(id) => *self.types.shape(id) == Shape::Func,
            _ => false,
        }
    }

    /// What a table of type `ty` holds for the reference `handle`.
    pub(crate) fn element(&self, ty: RefType, handle: u32) -> VmFuncRef {
        if self.is_func(ty) {
            self.text.plt().copied(self.space.function(FuncId(handle)))
        } else {
            VmFuncRef { func: FuncId(handle), ..VmFuncRef::NULL }
        }
    }

    /// Appends elements to a table and gives its old length.
    pub(crate) fn grow(&mut self, id: TableId, count: u64, value: VmFuncRef) -> Result<u64, Error> {
        let table = self.table_by_id_mut(id);
        let old = table.grow(count, value)?;
        let (base, len, slot) = (table.base(), table.len(), table.descriptor);
        match slot {
            None => self.set_context(|context| context.table_len = len),
            Some(slot) => self.set_descriptor(slot, base, len),
        }
        Ok(old)
    }

    pub(crate) fn table_grow(&mut self, id: TableId, handle: u32, count: u64) -> Option<u64> {
        let value = self.element(self.table(id).ty.element, handle);
        self.grow(id, count, value).ok()
    }

    /// Sets `len` elements from `to` on. All or nothing.
    pub(crate) fn fill(
        &mut self,
        id: TableId,
        to: u64,
        value: VmFuncRef,
        len: u64,
    ) -> Result<(), Error> {
        let table = self.table_by_id_mut(id);
        let range = checked(to, len, table.len())
            .ok_or(Error::TableIndex { index: to.saturating_add(len), len: table.len() })?;
        range.into_iter().try_for_each(|index| table.set(index as u64, value))
    }

    pub(crate) fn table_fill(
        &mut self,
        id: TableId,
        to: u64,
        handle: u32,
        len: u64,
    ) -> Result<(), Stop> {
        let value = self.element(self.table(id).ty.element, handle);
        self.fill(id, to, value, len).map_err(|_| TrapCode::TableOutOfBounds.into())
    }

    pub(crate) fn table_copy(
        &mut self,
        (to_id, to): (TableId, u64),
        (from_id, from): (TableId, u64),
        len: u64,
    ) -> Result<(), Stop> {
        let out = TrapCode::TableOutOfBounds;
        let source = checked(from, len, self.table(from_id).len()).ok_or(out)?;
        checked(to, len, self.table(to_id).len()).ok_or(out)?;
        let table = self.table(from_id);
        let copy: Vec<VmFuncRef> = source.filter_map(|index| table.get(index as u64)).collect();
        self.write_elements(to_id, to, &copy)
    }

    fn write_elements(&mut self, id: TableId, to: u64, from: &[VmFuncRef]) -> Result<(), Stop> {
        let table = self.table_by_id_mut(id);
        for (index, element) in (to..).zip(from) {
            table.set(index, *element).map_err(|_| Stop::from(TrapCode::TableOutOfBounds))?;
        }
        Ok(())
    }

    pub(crate) fn table_init(
        &mut self,
        id: InstanceId,
        segment: ElementIndex,
        table: TableId,
        (to, from, len): (u64, u64, u64),
    ) -> Result<(), Stop> {
        let values = self.segment_elements(id, segment, (from, len))?;
        checked(to, len, self.table(table).len()).ok_or(TrapCode::TableOutOfBounds)?;
        let ty = self.table(table).ty.element;
        let elements: Vec<VmFuncRef> =
            values.into_iter().map(|value| self.element(ty, value)).collect();
        self.write_elements(table, to, &elements)
    }

    /// References that an element segment holds: `len` from `from` on.
    pub(crate) fn segment_elements(
        &mut self,
        id: InstanceId,
        segment: ElementIndex,
        (from, len): (u64, u64),
    ) -> Result<Vec<u32>, Stop> {
        let instance = Arc::clone(self.instance(id));
        let entry = self.entry(id);
        let items = &instance.module.elements[segment.index()].items;
        let is_dropped = entry.elements_dropped[segment.index()];
        let segment_len = if is_dropped { 0 } else { items.len() as u64 };
        let source = checked(from, len, segment_len).ok_or(TrapCode::TableOutOfBounds)?;
        if let Some(values) = &entry.element_values[segment.index()] {
            return Ok(values[source].to_vec());
        }
        source.map(|position| self.item(&instance, items, position)).collect()
    }

    /// The reference that an element segment holds at `position`.
    fn item(
        &mut self,
        instance: &Instance,
        items: &ElementItems,
        position: usize,
    ) -> Result<u32, Stop> {
        match items {
            ElementItems::Functions(functions) => Ok(instance.func(functions[position]).0),
            ElementItems::Expressions(expressions) => {
                Ok(self.evaluate(instance, &expressions[position])?.u32())
            }
        }
    }

    /// Makes what an element segment holds, if that may be objects: each once, however often the
    /// segment is used.
    fn make_elements(&mut self, instance: &Instance, segment: ElementIndex) -> Result<(), Stop> {
        let ElementSegment { ty, items, .. } = &instance.module.elements[segment.index()];
        if !self.types.is_managed(ValType::Ref(instance.canonical_ref(*ty))) {
            return Ok(());
        }
        // In their place from the first on, where the collector finds them.
        let none = vec![0; items.len()].into_boxed_slice();
        self.entry_mut(instance.id).element_values[segment.index()] = Some(none);
        for position in 0..items.len() {
            let value = self.item(instance, items, position)?;
            if let Some(values) = &mut self.entry_mut(instance.id).element_values[segment.index()] {
                values[position] = value;
            }
        }
        Ok(())
    }

    pub(crate) fn element_drop(&mut self, id: InstanceId, segment: ElementIndex) {
        let entry = self.entry_mut(id);
        entry.elements_dropped[segment.index()] = true;
        entry.element_values[segment.index()] = None;
    }

    /// Fills the tables that an instance defines with their initial values, then copies its active
    /// element segments, then its active data segments.
    ///
    /// # Errors
    /// If a segment does not fit: a trap that says so. What was copied before it stays, as the
    /// standard has it.
    pub fn initialize(&mut self, id: InstanceId) -> Result<(), Stop> {
        let instance = Arc::clone(self.instance(id));
        self.initialize_tables(&instance)?;
        for (position, segment) in instance.module.elements.iter().enumerate() {
            let index = ElementIndex(position as u32);
            self.make_elements(&instance, index)?;
            match &segment.mode {
                SegmentMode::Active { target, offset } => {
                    let place = instance.tables[target.index()].id;
                    let to = self.offset(&instance, offset, self.table(place).ty.is_64)?;
                    let len = segment.items.len() as u64;
                    self.table_init(id, index, place, (to, 0, len))?;
                    self.element_drop(id, index);
                }
                SegmentMode::Declared => self.element_drop(id, index),
                SegmentMode::Passive => {}
            }
        }
        for (position, segment) in instance.module.data.iter().enumerate() {
            let index = DataIndex(position as u32);
            if let SegmentMode::Active { target, offset } = &segment.mode {
                let is_64 = instance.module.memories[target.index()].is_64;
                let to = self.offset(&instance, offset, is_64)?;
                let memory = instance.memories[target.index()].id;
                self.memory_init(id, index, memory, (to, 0, segment.range.len() as u64))?;
                self.data_drop(id, index);
            }
        }
        Ok(())
    }

    /// Not done when tables are made: an element has a copy of its function's code address, which
    /// is not known before the function is linked.
    fn initialize_tables(&mut self, instance: &Instance) -> Result<(), Stop> {
        let imported = instance.module.imported_tables as usize;
        for (position, init) in instance.module.table_inits.iter().enumerate() {
            let Some(init) = init else { continue };
            let value = self.evaluate(instance, init)?;
            let len = instance.module.tables[imported + position].len_min;
            self.table_fill(instance.tables[imported + position].id, 0, value.u32(), len)?;
        }
        Ok(())
    }

    fn offset(&mut self, instance: &Instance, expr: &ConstExpr, is_64: bool) -> Result<u64, Stop> {
        let value = self.evaluate(instance, expr)?;
        Ok(if is_64 { value.u64() } else { u64::from(value.u32()) })
    }
}

/// The range of `len` bytes from `start` of a memory, else a trap at the first byte outside.
fn in_memory(start: u64, len: u64, memory_len: usize) -> Result<Range<usize>, Stop> {
    let limit = memory_len as u64;
    checked(start, len, limit).ok_or_else(|| {
        let detail = format!("address {:#x}, the memory has {limit:#x} bytes", start.max(limit));
        Trap::new(TrapCode::MemoryOutOfBounds, detail).into()
    })
}

/// The range of `len` from `start`, if it is inside `limit`.
fn checked(start: u64, len: u64, limit: u64) -> Option<Range<usize>> {
    let end = start.checked_add(len)?;
    (end <= limit).then_some(start as usize..end as usize)
}
