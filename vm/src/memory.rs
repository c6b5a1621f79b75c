//! A memory that is not the process memory: a reservation of its own, reached by its descriptor.

use std::ops::Range;

use crate::context::{GlobalSlot, MEMORY_BYTES_MAX, MEMORY_RESERVATION_BYTES};
use crate::error::Error;
use crate::reservation::{Access, PAGE_BYTES, Reservation};
use crate::shared::SharedMemory;
use crate::types::MemoryType;

/// The address space of a memory, and how far it can grow in it.
#[derive(Debug)]
pub(crate) struct Extent {
    reservation: Reservation,
    len_max_bytes: usize,
}

impl Extent {
    /// Room for a memory of type `ty`, opened up to its least length, which comes second.
    /// `limit_bytes` caps its growth.
    pub(crate) fn new(ty: MemoryType, limit_bytes: u64) -> Result<(Self, usize), Error> {
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
        let (len, len_max_bytes) = (len as usize, len_max as usize);
        // A 32-bit memory has every address that code can form behind its base: no check needed.
        let reserved = if ty.is_64 { len_max_bytes + PAGE_BYTES } else { MEMORY_RESERVATION_BYTES };
        let reservation = Reservation::new(reserved, "memory")?;
        let extent = Extent { reservation, len_max_bytes };
        extent.open(0, len)?;
        Ok((extent, len))
    }

    /// Opens the bytes of a memory that grows from `len` to `wanted` bytes.
    pub(crate) fn open(&self, len: usize, wanted: usize) -> Result<(), Error> {
        assert!(len <= wanted && wanted <= self.len_max_bytes, "bad length {wanted}");
        let open = len.next_multiple_of(PAGE_BYTES);
        let grown = wanted.next_multiple_of(PAGE_BYTES) - open;
        self.reservation.set_access(open, grown, Access::ReadWrite)
    }

    /// Old length in pages and new length in bytes of a memory that would grow by `pages`, if it
    /// can.
    pub(crate) fn grown(&self, ty: MemoryType, len: usize, pages: u64) -> Option<(u64, usize)> {
        let old = len as u64 >> ty.page_size_log2;
        let wanted = (u128::from(old) + u128::from(pages)) << ty.page_size_log2;
        (wanted <= self.len_max_bytes as u128).then_some((old, wanted as usize))
    }

    /// Pointer to a byte.
    pub(crate) fn pointer(&self, offset: usize) -> *mut u8 {
        self.reservation.pointer(offset)
    }
}

/// A memory that the instances of a process name. It never moves.
#[derive(Debug)]
pub(crate) struct Memory {
    bytes: Bytes,
    /// Slot with its `VmDescriptor`, which the process keeps equal to it.
    pub(crate) descriptor: GlobalSlot,
    /// Its type, with the length it started with.
    pub(crate) ty: MemoryType,
}

/// Who else sees what a memory holds.
#[derive(Debug)]
enum Bytes {
    /// Nobody.
    Private { extent: Extent, len: usize },
    /// Other processes.
    Shared(SharedMemory),
}

impl Memory {
    /// A zeroed memory of its type's least length. `limit_bytes` caps its growth.
    pub(crate) fn new(
        ty: MemoryType,
        limit_bytes: u64,
        descriptor: GlobalSlot,
    ) -> Result<Self, Error> {
        if ty.is_shared {
            return Ok(Memory::shared(SharedMemory::new(ty, limit_bytes)?, descriptor));
        }
        let (extent, len) = Extent::new(ty, limit_bytes)?;
        Ok(Memory { bytes: Bytes::Private { extent, len }, descriptor, ty })
    }

    /// A memory that others have too.
    pub(crate) fn shared(memory: SharedMemory, descriptor: GlobalSlot) -> Self {
        Memory { descriptor, ty: memory.ty(), bytes: Bytes::Shared(memory) }
    }

    /// What others can have too, if this memory is shared.
    pub(crate) fn as_shared(&self) -> Option<&SharedMemory> {
        match &self.bytes {
            Bytes::Private { .. } => None,
            Bytes::Shared(memory) => Some(memory),
        }
    }

    /// Address of byte 0.
    pub(crate) fn base(&self) -> usize {
        self.extent().reservation.base()
    }

    /// Length in bytes.
    pub(crate) fn len_bytes(&self) -> usize {
        match &self.bytes {
            Bytes::Private { len, .. } => *len,
            Bytes::Shared(memory) => memory.len_bytes(),
        }
    }

    /// What stands in its descriptor for the length: of a shared memory, where the length is.
    pub(crate) fn descriptor_len(&self) -> u64 {
        match &self.bytes {
            Bytes::Private { len, .. } => *len as u64,
            Bytes::Shared(memory) => memory.len_address() as u64,
        }
    }

    /// Whether an access to it can reach `address`.
    pub(crate) fn contains(&self, address: usize) -> bool {
        self.extent().reservation.contains(address)
    }

    /// Grows it; the old length in pages, or `None` if it cannot grow so far.
    pub(crate) fn grow(&mut self, pages: u64) -> Option<u64> {
        match &mut self.bytes {
            Bytes::Private { extent, len } => {
                let (old, wanted) = extent.grown(self.ty, *len, pages)?;
                extent.open(*len, wanted).ok()?;
                *len = wanted;
                Some(old)
            }
            Bytes::Shared(memory) => memory.grow(pages),
        }
    }

    /// Sets every byte of a range that is inside.
    pub(crate) fn fill(&mut self, range: Range<usize>, value: u8) {
        match &mut self.bytes {
            Bytes::Private { extent, len } => slice(extent, *len)[range].fill(value),
            Bytes::Shared(memory) => memory.fill(&range, value),
        }
    }

    /// Copies a range that is inside to another place that is; they may overlap.
    pub(crate) fn copy_within(&mut self, from: Range<usize>, to: usize) {
        match &mut self.bytes {
            Bytes::Private { extent, len } => slice(extent, *len).copy_within(from, to),
            Bytes::Shared(memory) => memory.copy_within(&from, to),
        }
    }

    /// A copy of a range that is inside.
    pub(crate) fn read(&mut self, range: Range<usize>) -> Vec<u8> {
        match &mut self.bytes {
            Bytes::Private { extent, len } => slice(extent, *len)[range].to_vec(),
            Bytes::Shared(memory) => {
                let mut copy = vec![0; range.len()];
                memory.read(range.start, &mut copy);
                copy
            }
        }
    }

    /// Changes the bytes from `at` on, which are inside.
    pub(crate) fn write(&mut self, at: usize, from: &[u8]) {
        match &mut self.bytes {
            Bytes::Private { extent, len } => {
                slice(extent, *len)[at..at + from.len()].copy_from_slice(from);
            }
            Bytes::Shared(memory) => memory.write(at, from),
        }
    }

    fn extent(&self) -> &Extent {
        match &self.bytes {
            Bytes::Private { extent, .. } => extent,
            Bytes::Shared(memory) => memory.extent(),
        }
    }
}

/// The first `len` bytes of a memory that nobody else has.
fn slice(extent: &mut Extent, len: usize) -> &mut [u8] {
    // SAFETY: `len` is the memory's length, of which every byte is open and initialized for as long
    // as `extent` lives; `&mut` excludes every other slice of it, and wasm runs only in calls that
    // take the whole process mutably.
    unsafe { std::slice::from_raw_parts_mut(extent.reservation.pointer(0), len) }
}

/// Bytes in `pages` pages of a memory of type `ty`.
pub(crate) fn page_bytes(ty: MemoryType, pages: u64) -> u128 {
    u128::from(pages) << ty.page_size_log2
}
