//! Memory: the break, anonymous mappings, and what the built-in `malloc` of flat programs gives.

use std::collections::HashMap;
use std::ops::Range;

use super::{Kernel, Outcome, errno};
use crate::layout::PAGE_BYTES;
use crate::linker::lock;
use crate::symbol::SymbolKind;

/// Bytes of a page of Linux's.
const LINUX_PAGE_BYTES: u64 = 4096;
/// `MAP_ANONYMOUS`
const MAP_ANONYMOUS: u32 = 0x20;

/// What the guest has of memory through system calls.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    pub(super) scratch: Option<u32>,
    heap: Option<Break>,
    /// What was given out, by its address.
    taken: HashMap<u32, Range<u64>>,
}

/// The break: end of a heap that grows.
#[derive(Debug)]
struct Break {
    start: u64,
    current: u64,
    /// Up to here the memory is the heap's.
    end: u64,
}

/// `brk(address)`: the new break, or the old one if it cannot be moved there.
pub(super) fn brk(kernel: &mut Kernel<'_>, args: [u32; 6]) -> Outcome {
    Ok(Ok(kernel.set_break(|_| u64::from(args[0]))))
}

/// `sbrk(count)`: the break as it was; whole pages are added.
pub(super) fn sbrk(kernel: &mut Kernel<'_>, args: [u32; 6]) -> Outcome {
    let old = kernel.set_break(|current| current);
    let count = u64::from(args[0]).next_multiple_of(LINUX_PAGE_BYTES);
    let wanted = u64::from(old) + count;
    let new = kernel.set_break(|_| wanted);
    Ok(if u64::from(new) == wanted { Ok(old) } else { Err(errno::ENOMEM) })
}

/// `mmap2(address, len, protection, flags, fd, page)`
pub(super) fn mmap2(kernel: &mut Kernel<'_>, args: [u32; 6]) -> Outcome {
    mmap(kernel, args)
}

/// `mmap(address, len, protection, flags, fd, offset)`: memory that is the guest's alone. Files
/// cannot be mapped.
pub(super) fn mmap(kernel: &mut Kernel<'_>, args: [u32; 6]) -> Outcome {
    let [_, len, _, flags, fd, _] = args;
    if len == 0 {
        return Ok(Err(errno::EINVAL));
    }
    if flags & MAP_ANONYMOUS == 0 && fd != u32::MAX {
        return Ok(Err(errno::ENOSYS));
    }
    let len = u64::from(len).next_multiple_of(LINUX_PAGE_BYTES);
    Ok(kernel.allocate(len, LINUX_PAGE_BYTES).ok_or(errno::ENOMEM))
}

/// `munmap(address, len)`: only of what was mapped at once.
pub(super) fn munmap(kernel: &mut Kernel<'_>, args: [u32; 6]) -> Outcome {
    let len = u64::from(args[1]).next_multiple_of(LINUX_PAGE_BYTES);
    let taken = kernel.allocated(args[0]);
    if taken.is_none_or(|range| range.end - range.start != len) {
        return Ok(Err(errno::EINVAL));
    }
    kernel.free(args[0]);
    Ok(Ok(0))
}

impl Kernel<'_> {
    /// Moves the break to what `wanted` makes of it, if it can; gives where it is now.
    fn set_break(&mut self, wanted: impl Fn(u64) -> u64) -> u32 {
        let mut linker = lock(self.linker);
        if linker.dialects.kernel.heap.is_none() {
            let start = heap_base(&linker).unwrap_or(linker.space.heap_base);
            let (main_end, heap_end) = (linker.space.main_end, linker.space.heap_end);
            let is_dyninfo = linker.map.main().is_some_and(|main| main.dyninfo().is_some());
            let end = if main_end > 0 && !is_dyninfo { main_end } else { heap_end };
            let end = end.max(start);
            linker.dialects.kernel.heap = Some(Break { start, current: start, end });
        }
        let heap = linker.dialects.kernel.heap.as_mut().expect("it was just made");
        let wanted = wanted(heap.current);
        if wanted < heap.start || wanted > u64::from(u32::MAX) {
            return heap.current as u32;
        }
        let memory_end = self.process.memory_pages() * PAGE_BYTES;
        if wanted > heap.end {
            // Behind the heap can be what was taken meanwhile: then it ends here.
            let missing = (wanted - heap.end).div_ceil(PAGE_BYTES);
            if memory_end != heap.end || self.process.grow_memory(missing).is_err() {
                return heap.current as u32;
            }
            heap.end += missing * PAGE_BYTES;
        }
        heap.current = wanted;
        wanted as u32
    }

    /// Zeroed memory of `len` bytes.
    pub(crate) fn allocate(&mut self, len: u64, align: u64) -> Option<u32> {
        let mut linker = lock(self.linker);
        let range = linker.space.take_memory(self.process, len, align, "the heap").ok()?;
        let address = range.start as u32;
        linker.dialects.kernel.taken.insert(address, range);
        Some(address)
    }

    /// What was given out at an address.
    pub(crate) fn allocated(&self, address: u32) -> Option<Range<u64>> {
        lock(self.linker).dialects.kernel.taken.get(&address).cloned()
    }

    /// Takes back what was given out at an address; nothing if nothing was.
    pub(crate) fn free(&mut self, address: u32) {
        let mut linker = lock(self.linker);
        if let Some(range) = linker.dialects.kernel.taken.remove(&address) {
            linker.space.give_memory(range);
        }
    }
}

/// Where the heap of a program starts that places itself and says so.
fn heap_base(linker: &crate::linker::Linker) -> Option<u64> {
    let main = linker.map.main().filter(|main| !main.is_relocatable())?;
    match main.symbols.get("__heap_base")?.kind {
        SymbolKind::Data(address) | SymbolKind::Absolute(address) => Some(address),
        _ => None,
    }
}
