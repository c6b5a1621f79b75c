//! Array instructions over ranges: the runtime does them. Every range is checked before anything
//! is written or made.

use std::ops::Range;

use crate::code::TrapCode;
use crate::instance::InstanceId;
use crate::process::Process;
use crate::trap::{Stop, Trap};
use crate::types::{DataIndex, ElementIndex, TypeId};

/// Where in a segment: the first position, and how many.
pub(crate) type SegmentRange = (u64, u64);

impl Process {
    /// `array.new_data`
    pub(crate) fn array_new_data(
        &mut self,
        id: InstanceId,
        ty: TypeId,
        data: DataIndex,
        (from, len): SegmentRange,
    ) -> Result<u32, Stop> {
        let element_bytes = self.element_bytes_of(ty);
        self.data_range(id, data, (from, len * element_bytes))?;
        let array = self.allocate_array(ty, len as u32)?;
        self.array_init_data(id, data, (array, 0), (from, len))?;
        Ok(array)
    }

    /// `array.new_elem`
    pub(crate) fn array_new_element(
        &mut self,
        id: InstanceId,
        ty: TypeId,
        element: ElementIndex,
        (from, len): SegmentRange,
    ) -> Result<u32, Stop> {
        self.segment_elements(id, element, (from, len))?;
        let array = self.allocate_array(ty, len as u32)?;
        self.array_init_element(id, element, (array, 0), (from, len))?;
        Ok(array)
    }

    /// `array.init_data`
    pub(crate) fn array_init_data(
        &mut self,
        id: InstanceId,
        data: DataIndex,
        (array, to): (u32, u32),
        (from, len): SegmentRange,
    ) -> Result<(), Stop> {
        self.array_range(array, to, len)?;
        let element_bytes = u64::from(self.element_bytes(array));
        let source = self.data_range(id, data, (from, len * element_bytes))?;
        let module = std::sync::Arc::clone(&self.entry(id).declared.module);
        let place =
            self.heap.elements_mut(array, u64::from(to) * element_bytes, len * element_bytes);
        place.copy_from_slice(&module.bytes[source]);
        Ok(())
    }

    /// `array.init_elem`
    pub(crate) fn array_init_element(
        &mut self,
        id: InstanceId,
        element: ElementIndex,
        (array, to): (u32, u32),
        (from, len): SegmentRange,
    ) -> Result<(), Stop> {
        self.array_range(array, to, len)?;
        let values = self.segment_elements(id, element, (from, len))?;
        let place = self.heap.elements_mut(array, u64::from(to) * 4, len * 4);
        for (place, value) in place.chunks_exact_mut(4).zip(values) {
            place.copy_from_slice(&value.to_le_bytes());
        }
        Ok(())
    }

    /// `array.copy`
    pub(crate) fn array_copy(
        &mut self,
        (to_array, to): (u32, u32),
        (from_array, from): (u32, u32),
        len: u32,
    ) -> Result<(), Stop> {
        self.array_range(to_array, to, u64::from(len))?;
        self.array_range(from_array, from, u64::from(len))?;
        // Validation lets only elements of the same size be copied.
        let bytes = u64::from(self.element_bytes(to_array));
        let (to, from) = (u64::from(to) * bytes, u64::from(from) * bytes);
        self.heap.copy_elements((to_array, to), (from_array, from), u64::from(len) * bytes);
        Ok(())
    }

    fn element_bytes_of(&self, ty: TypeId) -> u64 {
        match self.heap.layouts[ty.index()] {
            crate::layout::Layout::Array { element_bytes, .. } => u64::from(element_bytes),
            _ => unreachable!("validated: type {} is one of arrays", ty.0),
        }
    }

    /// Traps unless `len` elements from `start` are inside `array`.
    fn array_range(&self, array: u32, start: u32, len: u64) -> Result<(), Stop> {
        if array == 0 {
            return Err(TrapCode::NullArrayReference.into());
        }
        let array_len = self.heap.array_len(array);
        if u64::from(start) + len <= u64::from(array_len) {
            return Ok(());
        }
        let detail = format!("{len} elements from {start}, the array has {array_len}");
        Err(Trap::new(TrapCode::ArrayOutOfBounds, detail).into())
    }

    /// Bytes of a data segment, as a range of the module's.
    fn data_range(
        &self,
        id: InstanceId,
        data: DataIndex,
        (from, bytes): SegmentRange,
    ) -> Result<Range<usize>, Stop> {
        let entry = self.entry(id);
        let range = entry.declared.module.data[data.index()].range.clone();
        let len = if entry.data_dropped[data.index()] { 0 } else { range.len() as u64 };
        if from + bytes <= len {
            let start = range.start + from as usize;
            return Ok(start..start + bytes as usize);
        }
        let detail = format!("{bytes} bytes from {from}, data segment {} has {len}", data.0);
        Err(Trap::new(TrapCode::MemoryOutOfBounds, detail).into())
    }
}
