//! A memory that is not the process memory: a reservation of its own, reached by its descriptor.

use crate::context::{GlobalSlot, MEMORY_BYTES_MAX, MEMORY_RESERVATION_BYTES};
use crate::error::Error;
use crate::reservation::{Access, PAGE_BYTES, Reservation};
use crate::types::MemoryType;

/// A memory private to the instances that name it. It never moves.
#[derive(Debug)]
pub(crate) struct Memory {
    reservation: Reservation,
    /// Slot with its `VmDescriptor`, which the process keeps equal to it.
    pub(crate) descriptor: GlobalSlot,
    /// Its type, with the length it started with.
    pub(crate) ty: MemoryType,
    len_bytes: usize,
    len_max_bytes: usize,
}

impl Memory {
    /// A zeroed memory of its type's least length. `limit_bytes` caps its growth.
    pub(crate) fn new(
        ty: MemoryType,
        limit_bytes: u64,
        descriptor: GlobalSlot,
    ) -> Result<Self, Error> {
        let len = page_bytes(ty, ty.pages_min);
        let declared_max = ty.pages_max.map_or(u128::MAX, |pages| page_bytes(ty, pages));
        let address_max = if ty.is_64 { u128::from(limit_bytes) } else { MEMORY_BYTES_MAX as u128 };
        let len_max = declared_max.min(address_max).min(u128::from(limit_bytes));
        if len > len_max {
            return Err(Error::MemoryLimit {
                wanted_bytes: u64::try_from(len).unwrap_or(u64::MAX),
                limit_bytes,
            });
        }
        let len_max_bytes = len_max as usize;
        // A 32-bit memory has every address that code can form behind its base: no check needed.
        let reserved = if ty.is_64 { len_max_bytes + PAGE_BYTES } else { MEMORY_RESERVATION_BYTES };
        let reservation = Reservation::new(reserved, "memory")?;
        let mut memory = Memory { reservation, descriptor, ty, len_bytes: 0, len_max_bytes };
        memory.set_len(len as usize)?;
        Ok(memory)
    }

    /// Address of byte 0.
    pub(crate) fn base(&self) -> usize {
        self.reservation.base()
    }

    /// Length in bytes.
    pub(crate) fn len_bytes(&self) -> usize {
        self.len_bytes
    }

    /// Greatest length in bytes.
    pub(crate) fn len_max_bytes(&self) -> usize {
        self.len_max_bytes
    }

    /// Whether an access to it can reach `address`.
    pub(crate) fn contains(&self, address: usize) -> bool {
        self.reservation.contains(address)
    }

    /// Makes it `len` bytes long, which is at most `len_max_bytes`.
    pub(crate) fn set_len(&mut self, len: usize) -> Result<(), Error> {
        assert!((self.len_bytes..=self.len_max_bytes).contains(&len), "bad length {len}");
        let open = self.len_bytes.next_multiple_of(PAGE_BYTES);
        let wanted = len.next_multiple_of(PAGE_BYTES);
        self.reservation.set_access(open, wanted - open, Access::ReadWrite)?;
        self.len_bytes = len;
        Ok(())
    }

    /// Its bytes, to change.
    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: the first `len_bytes` bytes are open and initialized for as long as `self` lives;
        // `&mut self` excludes every other slice of it, and wasm runs only in calls that take the
        // whole process mutably.
        unsafe { std::slice::from_raw_parts_mut(self.reservation.pointer(0), self.len_bytes) }
    }
}

/// Bytes in `pages` pages of a memory of type `ty`.
pub(crate) fn page_bytes(ty: MemoryType, pages: u64) -> u128 {
    u128::from(pages) << ty.page_size_log2
}
