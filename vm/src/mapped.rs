//! Files of the host's own, mapped instead of read.

use std::collections::TryReserveError;
use std::fs::File;
use std::io::{self, Read as _};
use std::ops::Deref;

use memmap2::{Mmap, MmapOptions};

use crate::reservation::PAGE_BYTES;

/// The bytes of a file, as they were when it was opened.
///
/// Only for files that nobody changes in place, as those of the code cache: they are written aside
/// and renamed, and whoever else can write in its directory can run code as this user anyway.
/// What a guest may have been granted is read instead.
#[derive(Debug)]
pub struct MappedFile(Bytes);

#[derive(Debug)]
enum Bytes {
    Mapped(Mmap),
    Read(Vec<u8>),
}

/// Smaller files are read: that takes less time than to map and to unmap them.
const MAPPED_BYTES_MIN: u64 = 16 * 1024;

impl MappedFile {
    /// Maps `file`, which has `len` bytes; its pages are there already when this returns.
    ///
    /// # Errors
    /// If the system cannot map it.
    pub fn open(file: &File, len: u64) -> io::Result<MappedFile> {
        if len < MAPPED_BYTES_MIN {
            let mut bytes = Vec::with_capacity(len as usize);
            file.take(len).read_to_end(&mut bytes)?;
            return Ok(MappedFile(Bytes::Read(bytes)));
        }
        // SAFETY: the mapping is private and read-only. Its bytes would change, or vanish, only if
        // somebody wrote into the file, which the contract of this type excludes.
        let mapped = unsafe { MmapOptions::new().len(len as usize).populate().map(file) }?;
        Ok(MappedFile(Bytes::Mapped(mapped)))
    }
}

impl Deref for MappedFile {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match &self.0 {
            Bytes::Mapped(mapped) => mapped,
            Bytes::Read(bytes) => bytes,
        }
    }
}

/// Room for `len` bytes that are read from a file, on large pages where the system has them: to get
/// 4 KiB pages one by one takes twice as long as to copy what comes into them.
///
/// # Errors
/// If there is no room.
pub fn read_buffer(len: usize) -> Result<Vec<u8>, TryReserveError> {
    let mut buffer = Vec::<u8>::new();
    buffer.try_reserve_exact(len)?;
    if len >= LARGE_PAGE_BYTES {
        let start = buffer.as_mut_ptr().map_addr(|address| address / PAGE_BYTES * PAGE_BYTES);
        let len = buffer.as_ptr().addr() + len - start.addr();
        // SAFETY: advice about pages changes nothing that a program can see, whoever owns the bytes
        // beside the buffer on its first and last page.
        unsafe { libc::madvise(start.cast(), len, libc::MADV_HUGEPAGE) };
    }
    Ok(buffer)
}

const LARGE_PAGE_BYTES: usize = 2 << 20;

/// A file that is mapped as code, and never run: a recording of this process notes its name.
#[derive(Debug)]
pub struct MappedCode {
    _mapping: Mmap,
}

impl MappedCode {
    /// Maps the start of `file`.
    ///
    /// # Errors
    /// If the system cannot map it.
    pub fn open(file: &File) -> io::Result<MappedCode> {
        // SAFETY: nobody reads or runs the mapping, which stays private to this type; so it does not
        // matter that the file grows.
        let mapping = unsafe { MmapOptions::new().map_exec(file) }?;
        Ok(MappedCode { _mapping: mapping })
    }
}
