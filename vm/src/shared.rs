//! A memory that several processes use at once, each on a thread of its own.
//!
//! Guests may race on its bytes, so no slice of it is ever made: the host reads and writes it as
//! the guests do, with atomic instructions or string instructions of the machine, whose races have
//! a defined outcome.

use std::arch::asm;
use std::ops::Range;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::error::Error;
use crate::instance::MemoryId;
use crate::memory::{Extent, Memory};
use crate::process::Process;
use crate::types::MemoryType;

/// A shared memory. Clones are the same memory; it lives as long as the last of them and the last
/// process that uses it.
#[derive(Clone, Debug)]
pub struct SharedMemory {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    extent: Extent,
    ty: MemoryType,
    /// Compiled code reads it by its address. Changed only while `growing` is held, and only
    /// after the bytes up to it are open.
    len_bytes: AtomicU64,
    growing: Mutex<()>,
}

impl SharedMemory {
    /// A zeroed memory of its type's least length. `limit_bytes` caps its growth.
    ///
    /// # Errors
    /// If that is less than its least length, or the address space cannot be had.
    pub fn new(ty: MemoryType, limit_bytes: u64) -> Result<Self, Error> {
        let (extent, len) = Extent::new(ty, limit_bytes)?;
        let len_bytes = AtomicU64::new(len as u64);
        Ok(SharedMemory {
            shared: Arc::new(Shared { extent, ty, len_bytes, growing: Mutex::new(()) }),
        })
    }

    /// Its type, with the length it started with.
    #[must_use]
    pub fn ty(&self) -> MemoryType {
        self.shared.ty
    }

    /// Length in bytes. Others may grow it at any time; it never shrinks.
    #[must_use]
    pub fn len_bytes(&self) -> usize {
        self.shared.len_bytes.load(Ordering::SeqCst) as usize
    }

    /// Grows it for all who use it; the old length in pages, or `None` if it cannot grow so far.
    pub fn grow(&self, pages: u64) -> Option<u64> {
        let _growing = self.shared.growing.lock().unwrap_or_else(PoisonError::into_inner);
        let old = self.len_bytes();
        let (old_pages, len) = self.shared.extent.grown(self.shared.ty, old, pages)?;
        self.shared.extent.open(old, len).ok()?;
        self.shared.len_bytes.store(len as u64, Ordering::SeqCst);
        Some(old_pages)
    }

    /// Copies bytes from `at` on. What others write meanwhile may be seen or not, byte by byte.
    ///
    /// # Panics
    /// If they are not inside.
    pub fn read(&self, at: usize, to: &mut [u8]) {
        let from = self.pointer(&(at..at + to.len()));
        // SAFETY: `pointer` checked that the source is open; `to` is a slice of other memory.
        unsafe { copy_forward(to.as_mut_ptr(), from, to.len()) }
    }

    /// Changes the bytes from `at` on.
    ///
    /// # Panics
    /// If they are not inside.
    pub fn write(&self, at: usize, from: &[u8]) {
        let to = self.pointer(&(at..at + from.len()));
        // SAFETY: `pointer` checked that the target is open; `from` is a slice of other memory.
        unsafe { copy_forward(to, from.as_ptr(), from.len()) }
    }

    /// Sets every byte of a range that is inside.
    pub(crate) fn fill(&self, range: &Range<usize>, value: u8) {
        let to = self.pointer(range);
        // SAFETY: `pointer` checked that the range is open for reading and writing, and it stays so
        // as long as `self` lives. The direction flag is clear, as everywhere in Rust. The bytes
        // are reached by no Rust reference.
        unsafe {
            asm!(
                "rep stosb",
                inout("rcx") range.len() => _,
                inout("rdi") to => _,
                in("al") value,
                options(nostack, preserves_flags),
            );
        }
    }

    /// Copies a range that is inside to another place that is; they may overlap.
    pub(crate) fn copy_within(&self, from: &Range<usize>, to: usize) {
        let (len, source) = (from.len(), self.pointer(from));
        let target = self.pointer(&(to..to + len));
        if to <= from.start || to >= from.end {
            // SAFETY: `pointer` checked both ranges. Going up, no byte of the source is written
            // before it is read: the target starts at or below the source, or behind its end.
            return unsafe { copy_forward(target, source, len) };
        }
        // SAFETY: as above, going down from the last bytes, which exist: `from` contains `to`. The
        // direction flag is cleared again.
        unsafe {
            asm!(
                "std",
                "rep movsb",
                "cld",
                inout("rcx") len => _,
                inout("rdi") target.add(len - 1) => _,
                inout("rsi") source.add(len - 1) => _,
                options(nostack),
            );
        }
    }

    /// The four bytes at an aligned place inside, at once.
    pub(crate) fn load_u32(&self, at: usize) -> u32 {
        let pointer = self.pointer(&(at..at + 4)).cast::<u32>();
        assert!(pointer.is_aligned(), "offset {at} is not aligned");
        // SAFETY: `pointer` checked that the bytes are open and the line above that they are
        // aligned; they are reached by no Rust reference but atomic ones.
        unsafe { AtomicU32::from_ptr(pointer) }.load(Ordering::SeqCst)
    }

    /// The eight bytes at an aligned place inside, at once.
    pub(crate) fn load_u64(&self, at: usize) -> u64 {
        let pointer = self.pointer(&(at..at + 8)).cast::<u64>();
        assert!(pointer.is_aligned(), "offset {at} is not aligned");
        // SAFETY: as in `load_u32`.
        unsafe { AtomicU64::from_ptr(pointer) }.load(Ordering::SeqCst)
    }

    /// What it occupies.
    pub(crate) fn extent(&self) -> &Extent {
        &self.shared.extent
    }

    /// Where code reads its length in bytes.
    pub(crate) fn len_address(&self) -> usize {
        &raw const self.shared.len_bytes as usize
    }

    /// Whether both are the same memory.
    pub(crate) fn is_same(&self, other: &SharedMemory) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }

    /// Pointer to a range, which is open as long as `self` lives.
    fn pointer(&self, range: &Range<usize>) -> *mut u8 {
        let len = self.len_bytes();
        let is_inside = range.start <= range.end && range.end <= len;
        assert!(is_inside, "range {range:?} is outside the memory of {len} bytes");
        self.shared.extent.pointer(range.start)
    }
}

impl Process {
    /// A shared memory of this process, for others to have; `None` if it is not a shared one, or is
    /// the process memory, which never is another's.
    #[must_use]
    pub fn share_memory(&self, id: MemoryId) -> Option<SharedMemory> {
        self.memories[id.0 as usize].as_ref()?.as_shared().cloned()
    }

    /// Makes a shared memory of another process importable in this one. Given twice, it is still
    /// one memory: code must know what overlaps.
    ///
    /// # Errors
    /// If there are too many memories.
    pub fn add_shared_memory(&mut self, memory: &SharedMemory) -> Result<MemoryId, Error> {
        let is_same = |known: &Option<Memory>| {
            known.as_ref().and_then(Memory::as_shared).is_some_and(|known| known.is_same(memory))
        };
        if let Some(position) = self.memories.iter().position(is_same) {
            return Ok(MemoryId(position as u32));
        }
        let descriptor = self.space.add_globals(1)?;
        Ok(self.place_memory(Memory::shared(memory.clone(), descriptor)).id)
    }
}

/// Copies byte by byte from the lowest address on.
///
/// # Safety
/// `from` is readable and `to` writable for `len` bytes; none of them is reached by a Rust
/// reference while others write it.
unsafe fn copy_forward(to: *mut u8, from: *const u8, len: usize) {
    // SAFETY: this function's duty. The direction flag is clear, as everywhere in Rust.
    unsafe {
        asm!(
            "rep movsb",
            inout("rcx") len => _,
            inout("rdi") to => _,
            inout("rsi") from => _,
            options(nostack, preserves_flags),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::SharedMemory;
    use crate::types::MemoryType;

    fn memory(pages_max: u64) -> SharedMemory {
        let ty = MemoryType {
            pages_min: 1,
            pages_max: Some(pages_max),
            is_shared: true,
            is_64: false,
            page_size_log2: 16,
        };
        SharedMemory::new(ty, 1 << 32).unwrap()
    }

    fn bytes(memory: &SharedMemory, at: usize, len: usize) -> Vec<u8> {
        let mut bytes = vec![0; len];
        memory.read(at, &mut bytes);
        bytes
    }

    #[test]
    fn copies_within_as_if_through_a_buffer() {
        for to in 0..24 {
            let memory = memory(1);
            let start: Vec<u8> = (0..32).collect();
            memory.write(0, &start);
            memory.copy_within(&(8..16), to);
            let mut expected = start;
            expected.copy_within(8..16, to);
            assert_eq!(bytes(&memory, 0, 32), expected, "to {to}");
        }
    }

    #[test]
    fn fills_and_loads_up_to_the_end() {
        let memory = memory(1);
        memory.fill(&(65528..65536), 0xa5);
        memory.fill(&(65536..65536), 0xff);
        assert_eq!(memory.load_u64(65528), 0xa5a5_a5a5_a5a5_a5a5);
        assert_eq!(memory.load_u32(65524), 0);
        assert_eq!(bytes(&memory, 65527, 2), [0, 0xa5]);
    }

    #[test]
    fn grows_for_every_clone_up_to_its_greatest_length() {
        let memory = memory(3);
        let other = memory.clone();
        assert_eq!(memory.grow(2), Some(1));
        assert_eq!(other.len_bytes(), 3 << 16);
        assert_eq!(other.grow(1), None);
        assert_eq!(other.grow(u64::MAX), None);
        assert_eq!(other.grow(0), Some(3));
        assert!(other.is_same(&memory));
    }
}
