//! Address space: reserved without access, then opened page by page.

use std::io;
use std::ptr::{self, NonNull};

use crate::error::Error;

/// Size of a host page.
pub(crate) const PAGE_BYTES: usize = 4096;

/// What may be done with a range of a reservation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// Nothing; its content is given back.
    None,
    /// Reading and writing.
    ReadWrite,
    /// Reading and executing.
    ReadExecute,
}

/// A range of address space that nobody else uses. Unmapped when dropped.
#[derive(Debug)]
pub(crate) struct Reservation {
    base: NonNull<u8>,
    len: usize,
    what: &'static str,
}

// SAFETY: a reservation owns its range alone, as a `Vec` owns its buffer; nothing in it is bound to
// the thread that made it.
unsafe impl Send for Reservation {}
// SAFETY: through `&self` only addresses are given out; who dereferences them argues for himself.
unsafe impl Sync for Reservation {}

impl Reservation {
    /// Reserves `len` bytes, rounded up to whole pages, for `what` (as messages call it).
    pub(crate) fn new(len: usize, what: &'static str) -> Result<Self, Error> {
        let len = len.max(1).next_multiple_of(PAGE_BYTES);
        // SAFETY: a new anonymous mapping at an address of the kernel's choice overlaps nothing.
        let base = unsafe {
            libc::mmap(
                ptr::null_mut(),
                len,
                libc::PROT_NONE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE,
                -1,
                0,
            )
        };
        if base == libc::MAP_FAILED {
            return Err(Error::Map { what, bytes: len, source: io::Error::last_os_error() });
        }
        let base = NonNull::new(base.cast()).expect("a successful mapping is not at address 0");
        Ok(Reservation { base, len, what })
    }

    /// As [`Reservation::new`], at a multiple of `align`, a multiple of the page size.
    pub(crate) fn aligned(len: usize, align: usize, what: &'static str) -> Result<Self, Error> {
        assert!(align.is_multiple_of(PAGE_BYTES), "{align} bytes are no whole pages");
        let len = len.max(1).next_multiple_of(PAGE_BYTES);
        let mut wide = Reservation::new(len + align, what)?;
        let before = wide.base().next_multiple_of(align) - wide.base();
        let after = wide.len - before - len;
        let (start, end) = (wide.base, wide.pointer(before + len));
        wide.base = NonNull::new(wide.pointer(before)).expect("it is inside a mapping");
        wide.len = len;
        for (unneeded, bytes) in [(start.as_ptr(), before), (end, after)] {
            // SAFETY: both ranges are of the mapping that was just made and have whole pages; what is
            // left of it is what `wide` says. An empty range is refused and changes nothing.
            unsafe { libc::munmap(unneeded.cast(), bytes) };
        }
        Ok(wide)
    }

    /// Address of byte 0.
    #[inline]
    pub(crate) fn base(&self) -> usize {
        self.base.as_ptr() as usize
    }

    /// Pointer to the byte at `offset`.
    ///
    /// # Panics
    /// If `offset` is outside.
    #[inline]
    pub(crate) fn pointer(&self, offset: usize) -> *mut u8 {
        assert!(offset <= self.len, "offset {offset} is outside the {}", self.what);
        // SAFETY: `offset <= len`, so the result is in or one past the mapping that `base` starts.
        unsafe { self.base.as_ptr().add(offset) }
    }

    /// Length in bytes.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Whether `address` lies in it.
    pub(crate) fn contains(&self, address: usize) -> bool {
        address.wrapping_sub(self.base()) < self.len
    }

    /// Asks for large pages behind `len` bytes at `offset`. The system may decline.
    pub(crate) fn prefer_huge_pages(&self, offset: usize, len: usize) {
        let address = self.pointer(offset).cast();
        // SAFETY: advice changes nothing that a program can see; `pointer` checked the start, and
        // what lies beyond a mapping is refused.
        unsafe { libc::madvise(address, len, libc::MADV_HUGEPAGE) };
    }

    /// Gets the pages of `len` writable bytes at `offset` at once, instead of one by one when each is
    /// written. A system that cannot leaves it at that.
    pub(crate) fn populate(&self, offset: usize, len: usize) {
        let (start, end) = (offset / PAGE_BYTES * PAGE_BYTES, offset + len);
        assert!(end <= self.len, "range {start}..{end} is outside the {}", self.what);
        // One page costs as much either way.
        if end - start > PAGE_BYTES {
            let address = self.pointer(start).cast();
            // SAFETY: the range was checked to be inside this mapping; its content stays as it is.
            unsafe { libc::madvise(address, end - start, libc::MADV_POPULATE_WRITE) };
        }
    }

    /// Sets the access to `len` bytes at `offset`, widened to whole pages.
    pub(crate) fn set_access(
        &self,
        offset: usize,
        len: usize,
        access: Access,
    ) -> Result<(), Error> {
        let start = offset / PAGE_BYTES * PAGE_BYTES;
        let end = (offset + len).next_multiple_of(PAGE_BYTES);
        assert!(end <= self.len, "range {start}..{end} is outside the {}", self.what);
        if start == end {
            return Ok(());
        }
        let protection = match access {
            Access::None => libc::PROT_NONE,
            Access::ReadWrite => libc::PROT_READ | libc::PROT_WRITE,
            Access::ReadExecute => libc::PROT_READ | libc::PROT_EXEC,
        };
        let address = self.pointer(start).cast();
        // SAFETY: `start..end` was checked to be inside this mapping, which we own; that no code
        // relies on the access being taken away is the duty of the few callers that reduce it
        // (text before it is published, ranges being freed).
        let mut status = unsafe { libc::mprotect(address, end - start, protection) };
        if status == 0 && access == Access::None {
            // SAFETY: as above; nothing reads the content of a range without access.
            status = unsafe { libc::madvise(address, end - start, libc::MADV_DONTNEED) };
        }
        if status != 0 {
            let source = io::Error::last_os_error();
            return Err(Error::Map { what: self.what, bytes: end - start, source });
        }
        Ok(())
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        // SAFETY: the range was mapped by `new` and is unmapped only here; whoever holds addresses
        // of it holds them no longer than the owner of this reservation lives.
        unsafe { libc::munmap(self.base.as_ptr().cast(), self.len) };
    }
}
