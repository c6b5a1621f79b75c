//! The PLT: an entry for each function that has no code of its own yet. Calls of such a function
//! lead here, and from here to the resolver, once.
//!
//! ```text
//! entry 0       jmp [r15 + RESOLVER]
//! entry of f    jmp [r15 + code of f's VmFuncRef]     where copies and direct calls lead
//!        + 7    call entry 0                          where that VmFuncRef leads at first
//! ```
//! The return address of that `call` tells the resolver which function is meant; no register is
//! touched. What an entry holds depends on the function's number alone: it is written once and
//! never again, whatever the number comes to stand for.

use std::collections::HashSet;
use std::ops::Range;

use crate::context::{FUNCTIONS_MAX, FuncId, VmContext, VmFuncRef};
use crate::reservation::PAGE_BYTES;

/// Size of an entry.
const ENTRY_BYTES: usize = 16;
/// Where in an entry the way to the resolver starts: behind the jump.
const UNRESOLVED: usize = 7;
/// Length of the call that it is.
const CALL_BYTES: usize = 5;
/// Entries per page.
const PAGE_ENTRIES: u32 = (PAGE_BYTES / ENTRY_BYTES) as u32;
/// Bytes for the entries of all functions that there can be.
pub(crate) const PLT_BYTES: usize = FUNCTIONS_MAX as usize * ENTRY_BYTES;

/// Where the entries are, and which have been written.
#[derive(Debug)]
pub(crate) struct Plt {
    /// Address of entry 0.
    base: usize,
    /// Pages that are written, by their number.
    pages: HashSet<u32>,
    /// Where provisional code is: see [`crate::text::Role`].
    provisional: Range<usize>,
}

impl Plt {
    /// No entries; they will lie from `base` on. `provisional` has all code that functions may have
    /// before their last one.
    pub(crate) fn new(base: usize, provisional: Range<usize>) -> Self {
        Plt { base, pages: HashSet::new(), provisional }
    }

    /// Pages with the entries of `count` functions from `first` on that are not written yet, page 0
    /// with them: the entries in each lead there. Those in a row are together.
    pub(crate) fn missing(&self, first: FuncId, count: u32) -> Vec<Range<u32>> {
        let pages = first.0 / PAGE_ENTRIES..(first.0 + count).div_ceil(PAGE_ENTRIES);
        let pages = std::iter::once(0).chain(pages.filter(|page| *page != 0));
        let mut missing: Vec<Range<u32>> = Vec::new();
        for page in pages.filter(|page| !self.pages.contains(page)) {
            match missing.last_mut() {
                Some(row) if row.end == page => row.end += 1,
                _ => missing.push(page..page + 1),
            }
        }
        missing
    }

    /// Notes that pages are written and executable.
    pub(crate) fn add(&mut self, pages: Range<u32>) {
        self.pages.extend(pages);
    }

    /// Where a call of `func` leads that does not read its `VmFuncRef`.
    pub(crate) fn entry_of(&self, func: FuncId) -> usize {
        self.base + func.0 as usize * ENTRY_BYTES
    }

    /// What the `VmFuncRef` of a function without code holds.
    pub(crate) fn unresolved(&self, func: FuncId) -> usize {
        self.entry_of(func) + UNRESOLVED
    }

    /// The function whose entry called the resolver, which returns to `address`.
    pub(crate) fn caller_of_resolver(&self, address: usize) -> FuncId {
        FuncId(((address - self.base) / ENTRY_BYTES) as u32)
    }

    /// Whether `address` is in an entry, so that it stands for a function without code.
    pub(crate) fn contains(&self, address: usize) -> bool {
        address.wrapping_sub(self.base) < PLT_BYTES
    }

    /// The address from `func`'s `VmFuncRef` as it can be kept elsewhere: what is kept is not
    /// rewritten when the function gets its code, or better one, so it is the part of the entry that
    /// looks.
    pub(crate) fn lasting(&self, func: FuncId, address: usize) -> usize {
        if self.provisional.contains(&address) {
            return self.entry_of(func);
        }
        if !self.contains(address) {
            return address;
        }
        address - (address - self.base) % ENTRY_BYTES
    }

    /// `element` as it can be copied elsewhere: see [`Plt::lasting`].
    pub(crate) fn copied(&self, element: VmFuncRef) -> VmFuncRef {
        VmFuncRef { code: self.lasting(element.func, element.code), ..element }
    }

    /// Whether the function at this address has yet to get its last code.
    pub(crate) fn is_provisional(&self, address: usize) -> bool {
        self.provisional.contains(&address)
    }

    /// How many words are on the stack above the caller's return address at the instruction `pc`.
    pub(crate) fn words_pushed(&self, pc: usize) -> usize {
        usize::from(pc.wrapping_sub(self.base) < ENTRY_BYTES)
    }
}

/// Where pages are, from the first entry on.
pub(crate) fn bytes_of(pages: &Range<u32>) -> Range<usize> {
    pages.start as usize * PAGE_BYTES..pages.end as usize * PAGE_BYTES
}

/// Writes the entries in `pages` to their `image`.
pub(crate) fn fill(pages: &Range<u32>, image: &mut [u8]) {
    let (entries, _) = image.as_chunks_mut();
    for (place, number) in entries.iter_mut().zip(pages.start * PAGE_ENTRIES..) {
        *place = entry(FuncId(number));
    }
}

fn entry(func: FuncId) -> [u8; ENTRY_BYTES] {
    // The rest is `int3`.
    let mut bytes = [0xcc; ENTRY_BYTES];
    let through = match func {
        FuncId::NULL => VmContext::RESOLVER,
        func => func.offset() + VmFuncRef::CODE,
    };
    bytes[..3].copy_from_slice(&[0x41, 0xff, 0xa7]);
    bytes[3..UNRESOLVED].copy_from_slice(&through.to_le_bytes());
    if func != FuncId::NULL {
        let end = UNRESOLVED + CALL_BYTES;
        let distance = -(func.0 as i64 * ENTRY_BYTES as i64 + end as i64);
        let distance = i32::try_from(distance).expect("the PLT is smaller than 2 GiB");
        bytes[UNRESOLVED] = 0xe8;
        bytes[UNRESOLVED + 1..end].copy_from_slice(&distance.to_le_bytes());
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_tell_functions_apart() {
        let plt = Plt::new(0x10000, 0..0);
        for func in [FuncId(1), FuncId(255), FuncId(256), FuncId(FUNCTIONS_MAX - 1)] {
            let return_address = plt.unresolved(func) + CALL_BYTES;
            assert_eq!(plt.caller_of_resolver(return_address), func);
            assert!(plt.contains(return_address));
        }
        assert!(!plt.contains(0xffff) && !plt.contains(0x10000 + PLT_BYTES));
    }

    #[test]
    fn copies_lead_through_the_jump_and_code_stays() {
        let plt = Plt::new(0x10000, 0x9000..0xa000);
        let function = VmFuncRef { code: plt.unresolved(FuncId(5)), ..VmFuncRef::NULL };
        assert_eq!(plt.copied(function).code, plt.entry_of(FuncId(5)));
        assert_eq!(plt.copied(plt.copied(function)).code, plt.entry_of(FuncId(5)));
        let function = VmFuncRef { code: 0x8003, ..VmFuncRef::NULL };
        assert_eq!(plt.copied(function).code, 0x8003);
        let function = VmFuncRef { code: 0x9003, func: FuncId(5), ..VmFuncRef::NULL };
        assert_eq!(plt.copied(function).code, plt.entry_of(FuncId(5)));
    }

    #[test]
    fn an_entry_is_a_jump_and_a_call_of_entry_0() {
        let mut expected = vec![0x41, 0xff, 0xa7, 0x20, 0, 0, 0x90];
        expected.extend([0xe8, 0xd4, 0xff, 0xff, 0xff, 0xcc, 0xcc, 0xcc, 0xcc]);
        assert_eq!(entry(FuncId(2)).to_vec(), expected);
    }

    #[test]
    fn pages_are_written_once() {
        let mut plt = Plt::new(0, 0..0);
        assert_eq!(plt.missing(FuncId(700), 2), [0..1, 2..3]);
        plt.add(0..1);
        plt.add(2..3);
        assert_eq!(plt.missing(FuncId(700), 2), []);
        assert_eq!(plt.missing(FuncId(700), 200).first(), Some(&(3..4)));
        assert_eq!(plt.missing(FuncId(300), 900), [1..2, 3..5]);
    }
}
