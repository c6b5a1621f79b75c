//! Objects of the garbage-collected heap: made, and collected when there is no room for more.
//!
//! The roots are precise: frames by the stack maps of their code, globals and tables by their types,
//! exceptions by their tags, element segments, and what the host holds.

use crate::code::TrapCode;
use crate::error::Error;
use crate::heap::{Copier, HeapStats, units};
use crate::layout::{Layout, array_size_bytes, header};
use crate::process::Process;
use crate::trap::{Stop, Trap};
use crate::types::{Shape, TypeId, ValType};
use crate::value::RawValue;

impl Process {
    /// What the garbage-collected heap did so far, and what it has.
    #[must_use]
    pub fn heap_stats(&self) -> HeapStats {
        let used_bytes = self.heap.used_bytes(self.context().heap_next) as u64;
        let stats = self.heap.stats;
        let peak_bytes = stats.peak_bytes.max(used_bytes);
        HeapStats { used_bytes, peak_bytes, handles: self.handles.len(), ..stats }
    }

    /// Collects now what wasm and the host do not refer to.
    ///
    /// # Errors
    /// If the system has no memory for what is alive.
    pub fn collect_garbage(&mut self) -> Result<(), Error> {
        self.collect(0)
    }

    /// Tells compiled code and the collector of types that came since the last call.
    pub(crate) fn describe_types(&mut self) -> Result<(), Error> {
        let described = self.heap.layouts.len() - 1;
        let len = self.types.len();
        if described == len {
            return Ok(());
        }
        self.type_rows.grow(len + 1)?;
        for id in (described as u32 + 1..=len as u32).map(TypeId) {
            let mut row: Vec<TypeId> = Vec::new();
            let mut current = Some(id);
            while let Some(ty) = current {
                row.push(ty);
                current = self.types.supertype(ty);
            }
            row.reverse();
            self.type_rows.write(id, &row);
            let layout = Layout::new(&self.types, id);
            self.heap.has_exceptions |= layout.has_exceptions();
            self.heap.layouts.push(layout);
        }
        Ok(())
    }

    /// A struct whose fields hold anything yet: they are set before anything else happens.
    pub(crate) fn allocate_struct(&mut self, ty: TypeId) -> Result<u32, Stop> {
        let Layout::Struct { size_bytes, .. } = self.heap.layouts[ty.index()] else {
            unreachable!("validated: type {} is one of structs", ty.0);
        };
        let object = self.allocate(u64::from(size_bytes))?;
        self.heap.write(object, 0, ty.0);
        Ok(object)
    }

    /// An array of zeros.
    pub(crate) fn allocate_array(&mut self, ty: TypeId, len: u32) -> Result<u32, Stop> {
        let Layout::Array { element_bytes, .. } = self.heap.layouts[ty.index()] else {
            unreachable!("validated: type {} is one of arrays", ty.0);
        };
        let object = self.allocate(array_size_bytes(element_bytes, len))?;
        let shape = header(ty, self.types.shape(ty));
        self.heap.write(object, 0, shape);
        self.heap.write(object, crate::layout::ARRAY_LEN, len);
        let bytes = u64::from(element_bytes) * u64::from(len);
        self.heap.elements_mut(object, 0, bytes).fill(0);
        Ok(object)
    }

    /// Room for an object; what is dead may be collected for it, and what is alive may move.
    fn allocate(&mut self, size_bytes: u64) -> Result<u32, Stop> {
        let next = self.context().heap_next;
        if self.heap.is_stressed() || !self.heap.fits(next, size_bytes) {
            self.collect(size_bytes).map_err(out_of_memory)?;
        }
        self.take(size_bytes)
    }

    /// Room for an object without a collection: for constant expressions, whose operands nobody
    /// knows as roots.
    fn take_without_collection(&mut self, size_bytes: u64) -> Result<(), Stop> {
        let next = self.context().heap_next;
        if !self.heap.fits(next, size_bytes) {
            let used = self.heap.used_bytes(next);
            self.heap.raise(used, size_bytes).map_err(out_of_memory)?;
            self.set_heap_limit();
        }
        Ok(())
    }

    fn take(&mut self, size_bytes: u64) -> Result<u32, Stop> {
        let object = self.context().heap_next;
        if !self.heap.fits(object, size_bytes) {
            let (used, max) = (self.heap.used_bytes(object), self.heap.bytes_max());
            let detail = format!(
                "{size_bytes} bytes more than {used} that are in use pass the limit of {max} bytes"
            );
            return Err(Trap::new(TrapCode::HeapExhausted, detail).into());
        }
        let size = units(usize::try_from(size_bytes).expect("it fits into the heap"));
        self.set_context(|context| context.heap_next = object + size);
        Ok(object)
    }

    fn set_heap_limit(&mut self) {
        let limit = self.heap.limit();
        self.set_context(|context| context.heap_limit = limit);
    }

    /// Collects; then there is room for `more_bytes`, if the limit lets it. Exceptions are collected
    /// too if objects refer to some, and wasm asks: when the host does, nobody knows what registers
    /// of wasm's hold.
    fn collect(&mut self, more_bytes: u64) -> Result<(), Error> {
        if let Some(stack) = self.allocating_stack
            && self.heap.has_exceptions
        {
            let roots = self.exception_roots(stack);
            return self.collect_with_exceptions(roots, more_bytes);
        }
        let mut copier = self.heap.begin(self.context().heap_next, false)?;
        self.forward_roots(&mut copier);
        self.forward_exceptions(&mut |bits| copier.forward(bits));
        self.end_collection(copier, more_bytes);
        Ok(())
    }

    /// Collects objects and exceptions. All words that may be references to exceptions from outside
    /// of both are among `roots`.
    pub(crate) fn collect_with_exceptions(
        &mut self,
        roots: Vec<u32>,
        more_bytes: u64,
    ) -> Result<(), Error> {
        let mut copier = self.heap.begin(self.context().heap_next, true)?;
        self.forward_roots(&mut copier);
        let mut search = self.exceptions.begin(roots.into_iter());
        loop {
            let mut words = Vec::new();
            while let Some((tag, values)) = self.exceptions.next_reached(&mut search) {
                let Some(ty) = self.types.get(self.tags[tag.0 as usize]) else { continue };
                for (value, ty) in values.iter_mut().zip(&ty.params) {
                    if self.types.is_managed(*ty) {
                        *value = copier.forward(value.u32()).into();
                    } else {
                        words.push(value.u32());
                    }
                }
            }
            words.extend(copier.follow());
            if words.is_empty() {
                break;
            }
            search.reach(&self.exceptions, words.into_iter());
        }
        self.exceptions.finish(&search);
        self.end_collection(copier, more_bytes);
        Ok(())
    }

    /// Collects exceptions alone: no object refers to any.
    pub(crate) fn collect_exceptions(&mut self, roots: Vec<u32>) {
        let mut search = self.exceptions.begin(roots.into_iter());
        let mut words = Vec::new();
        while let Some((_, values)) = self.exceptions.next_reached(&mut search) {
            words.extend(values.iter().map(|value| value.u32()));
            search.reach(&self.exceptions, words.drain(..));
        }
        self.exceptions.finish(&search);
    }

    fn forward_roots(&mut self, copier: &mut Copier) {
        let mut forward = |bits: u32| copier.forward(bits);
        self.forward_frames(&mut forward);
        self.forward_globals(&mut forward);
        self.forward_tables(&mut forward);
        for entry in self.instances.iter_mut().flatten() {
            let segments = entry.element_values.iter_mut().flatten();
            segments.flatten().for_each(|value| *value = forward(*value));
        }
        self.handles.objects_mut().for_each(|object| *object = forward(*object));
    }

    fn end_collection(&mut self, copier: Copier, more_bytes: u64) {
        let next = self.heap.finish(copier, more_bytes);
        self.set_context(|context| context.heap_next = next);
        self.set_heap_limit();
    }

    fn forward_frames(&mut self, forward: &mut dyn FnMut(u32) -> u32) {
        // Frames of a recursion follow each other.
        let mut known: (usize, &[u32]) = (0, &[]);
        for (fp, pc) in self.frames() {
            if known.0 != pc {
                known = (pc, self.text.stack_map_at(pc));
            }
            for below in known.1 {
                let address = fp - *below as usize;
                let bits = self.stack.reference(address).expect("a frame is on the stack");
                self.stack.set_reference(address, forward(bits));
            }
        }
    }

    fn forward_globals(&mut self, forward: &mut dyn FnMut(u32) -> u32) {
        for slot in &self.managed_globals {
            let bits = self.space.global(*slot).u32();
            self.space.set_global(*slot, forward(bits).into());
        }
    }

    fn forward_tables(&mut self, forward: &mut dyn FnMut(u32) -> u32) {
        for table in self.tables.iter_mut().flatten() {
            if !self.types.is_managed(ValType::Ref(table.ty.element)) {
                continue;
            }
            for index in 0..table.len() {
                let Some(mut element) = table.get(index) else { continue };
                let bits = element.func.0;
                element.func.0 = forward(bits);
                if element.func.0 != bits {
                    table.set(index, element).expect("the index is below the length");
                }
            }
        }
    }

    fn forward_exceptions(&mut self, forward: &mut dyn FnMut(u32) -> u32) {
        for (tag, values) in self.exceptions.values_mut() {
            let Some(ty) = self.types.get(self.tags[tag.0 as usize]) else { continue };
            for (value, ty) in values.iter_mut().zip(&ty.params) {
                if self.types.is_managed(*ty) {
                    *value = forward(value.u32()).into();
                }
            }
        }
    }

    /// Collects if that is due: before a constant expression makes objects.
    pub(crate) fn collect_if_due(&mut self) -> Result<(), Error> {
        let is_full = !self.heap.fits(self.context().heap_next, 1);
        if is_full || self.heap.is_stressed() { self.collect(0) } else { Ok(()) }
    }

    /// A struct with these fields, made without a collection.
    pub(crate) fn constant_struct(
        &mut self,
        ty: TypeId,
        values: Option<&[RawValue]>,
    ) -> Result<u32, Stop> {
        let Layout::Struct { size_bytes, .. } = self.heap.layouts[ty.index()] else {
            unreachable!("validated: type {} is one of structs", ty.0);
        };
        self.take_without_collection(u64::from(size_bytes))?;
        let object = self.take(u64::from(size_bytes))?;
        self.heap.bytes_mut(object, 0, u64::from(size_bytes)).fill(0);
        self.heap.write(object, 0, ty.0);
        if let Some(values) = values {
            self.set_fields(object, ty, values);
        }
        Ok(object)
    }

    /// Sets all fields of a struct.
    pub(crate) fn set_fields(&mut self, object: u32, ty: TypeId, values: &[RawValue]) {
        let Shape::Struct(fields) = self.types.shape(ty).clone() else { return };
        let layout = crate::layout::StructLayout::new(&fields);
        for ((field, at), value) in fields.iter().zip(&layout.offsets).zip(values) {
            let bytes = field.storage.bytes();
            let place = self.heap.bytes_mut(object, u64::from(*at), u64::from(bytes));
            place.copy_from_slice(&value.u128().to_le_bytes()[..bytes as usize]);
        }
    }

    /// An array of zeros, made without a collection.
    pub(crate) fn constant_array(&mut self, ty: TypeId, len: u32) -> Result<u32, Stop> {
        let Layout::Array { element_bytes, .. } = self.heap.layouts[ty.index()] else {
            unreachable!("validated: type {} is one of arrays", ty.0);
        };
        let size_bytes = array_size_bytes(element_bytes, len);
        self.take_without_collection(size_bytes)?;
        let object = self.take(size_bytes)?;
        self.heap.bytes_mut(object, 0, size_bytes).fill(0);
        let header = header(ty, self.types.shape(ty));
        self.heap.write(object, 0, header);
        self.heap.write(object, crate::layout::ARRAY_LEN, len);
        Ok(object)
    }

    /// Sets an element of an array, which is inside.
    pub(crate) fn set_element(&mut self, array: u32, index: u32, value: RawValue) {
        let bytes = self.element_bytes(array);
        let at = u64::from(bytes) * u64::from(index);
        let place = self.heap.elements_mut(array, at, u64::from(bytes));
        place.copy_from_slice(&value.u128().to_le_bytes()[..bytes as usize]);
    }

    /// The size of an element of an array.
    pub(crate) fn element_bytes(&self, array: u32) -> u32 {
        match self.heap.layouts[self.heap.type_of(array).index()] {
            Layout::Array { element_bytes, .. } => element_bytes,
            _ => unreachable!("object {array:#x} is no array"),
        }
    }
}

/// The system gave no memory for the heap.
pub(crate) fn out_of_memory(error: Error) -> Stop {
    Trap::new(TrapCode::HeapExhausted, error.to_string()).into()
}
