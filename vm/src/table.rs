//! Tables: arrays of `VmFuncRef`, reserved to their greatest length so that they never move.

use std::ptr;

use crate::context::{GlobalSlot, VmFuncRef};
use crate::error::Error;
use crate::reservation::{Access, PAGE_BYTES, Reservation};
use crate::types::TableType;

const ELEMENT_BYTES: usize = size_of::<VmFuncRef>();

/// A table. References that are no functions keep their handle in `VmFuncRef::func`.
#[derive(Debug)]
pub(crate) struct Table {
    reservation: Reservation,
    /// Slot with its `VmDescriptor`; the process table has none and is reached by the context.
    pub(crate) descriptor: Option<GlobalSlot>,
    /// Its type, with the length it started with.
    pub(crate) ty: TableType,
    len: u64,
    len_max: u64,
}

impl Table {
    /// The process table: the whole 32-bit index space is reserved behind its base, so that code
    /// indexes it without a check.
    pub(crate) fn process(limit: u32) -> Result<Self, Error> {
        let ty = TableType {
            element: crate::types::RefType::FUNCREF,
            len_min: 0,
            len_max: None,
            is_64: false,
        };
        let reservation = Reservation::new(ELEMENT_BYTES << 32, "function table")?;
        Ok(Table { reservation, descriptor: None, ty, len: 0, len_max: u64::from(limit) })
    }

    /// A table of its type's least length, filled with null.
    pub(crate) fn new(ty: TableType, limit: u32, descriptor: GlobalSlot) -> Result<Self, Error> {
        let len_max = ty.len_max.unwrap_or(u64::MAX).min(u64::from(limit));
        if ty.len_min > len_max {
            return Err(Error::TableLimit { wanted: ty.len_min, limit: len_max });
        }
        let reservation = Reservation::new(len_max as usize * ELEMENT_BYTES, "table")?;
        let mut table = Table { reservation, descriptor: Some(descriptor), ty, len: 0, len_max };
        table.grow(ty.len_min, VmFuncRef::NULL)?;
        Ok(table)
    }

    /// Address of element 0.
    pub(crate) fn base(&self) -> usize {
        self.reservation.base()
    }

    /// Length in elements.
    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    /// Whether an access to it can reach `address`.
    pub(crate) fn contains(&self, address: usize) -> bool {
        self.reservation.contains(address)
    }

    /// Appends `count` elements and gives the old length.
    pub(crate) fn grow(&mut self, count: u64, value: VmFuncRef) -> Result<u64, Error> {
        let old = self.len;
        let len = old
            .checked_add(count)
            .filter(|len| *len <= self.len_max)
            .ok_or(Error::TableLimit { wanted: old.saturating_add(count), limit: self.len_max })?;
        let open = (old as usize * ELEMENT_BYTES).next_multiple_of(PAGE_BYTES);
        let wanted = (len as usize * ELEMENT_BYTES).next_multiple_of(PAGE_BYTES);
        self.reservation.set_access(open, wanted - open, Access::ReadWrite)?;
        self.len = len;
        // A fresh page is zero, which is null.
        if value.func != crate::context::FuncId::NULL {
            for index in old..len {
                self.set(index, value)?;
            }
        }
        Ok(old)
    }

    /// The element at `index`.
    pub(crate) fn get(&self, index: u64) -> Option<VmFuncRef> {
        if index >= self.len {
            return None;
        }
        let pointer = self.reservation.pointer(index as usize * ELEMENT_BYTES).cast::<VmFuncRef>();
        // SAFETY: `index < len` was checked above, and the pages of the first `len` elements are
        // open; elements are 16 bytes from a page start, so aligned; any bits are a `VmFuncRef`.
        Some(unsafe { ptr::read(pointer) })
    }

    /// Changes the element at `index`.
    pub(crate) fn set(&mut self, index: u64, value: VmFuncRef) -> Result<(), Error> {
        if index >= self.len {
            return Err(Error::TableIndex { index, len: self.len });
        }
        let pointer = self.reservation.pointer(index as usize * ELEMENT_BYTES).cast::<VmFuncRef>();
        // SAFETY: as in `get`; `&mut self` keeps other host code away, and wasm does not run now.
        unsafe { ptr::write(pointer, value) }
        Ok(())
    }
}
