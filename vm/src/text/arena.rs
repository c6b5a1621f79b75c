//! Which bytes of the text are free.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::error::Error;

/// Code of so many bytes lies on pages of this size, if the system has some.
pub(super) const LARGE_PAGE_BYTES: usize = 2 << 20;

/// A part of the text, and what of it is free.
#[derive(Debug)]
pub(super) struct Arena {
    range: Range<usize>,
    /// Free ranges below `top`: start → length.
    free: BTreeMap<usize, usize>,
    top: usize,
}

impl Arena {
    /// All of `range` is free.
    pub(super) fn new(range: Range<usize>) -> Arena {
        Arena { top: range.start, range, free: BTreeMap::new() }
    }

    /// Whether the byte is part of it.
    pub(super) fn contains(&self, byte: usize) -> bool {
        self.range.contains(&byte)
    }

    /// Finds `len` bytes, a multiple of the page size. What fills large pages starts with one.
    pub(super) fn allocate(&mut self, len: usize) -> Result<usize, Error> {
        if let Some((&start, &free)) = self.free.iter().find(|(_, free)| **free >= len) {
            self.free.remove(&start);
            if free > len {
                self.free.insert(start + len, free - len);
            }
            return Ok(start);
        }
        let align = if len >= LARGE_PAGE_BYTES { LARGE_PAGE_BYTES } else { 1 };
        let start = self.top.next_multiple_of(align);
        let top = start.checked_add(len).filter(|top| *top <= self.range.end);
        let top = top.ok_or(Error::Exhausted {
            what: "bytes of machine code",
            limit: self.range.len() as u64,
        })?;
        let before = self.top;
        self.top = top;
        if start > before {
            self.release(before, start - before);
        }
        Ok(start)
    }

    /// Takes back what was found, or a part of it.
    pub(super) fn release(&mut self, start: usize, len: usize) {
        let (mut start, mut len) = (start, len);
        if let Some((&before, &before_len)) = self.free.range(..start).next_back()
            && before + before_len == start
        {
            self.free.remove(&before);
            start = before;
            len += before_len;
        }
        if let Some(after_len) = self.free.remove(&(start + len)) {
            len += after_len;
        }
        self.free.insert(start, len);
    }
}

#[cfg(test)]
mod tests {
    use super::{Arena, LARGE_PAGE_BYTES};

    const PAGE: usize = 4096;

    #[test]
    fn large_code_starts_with_a_large_page_and_nothing_is_lost() {
        let mut arena = Arena::new(0..4 * LARGE_PAGE_BYTES);
        assert_eq!(arena.allocate(PAGE).ok(), Some(0));
        let large = LARGE_PAGE_BYTES + PAGE;
        assert_eq!(arena.allocate(large).ok(), Some(LARGE_PAGE_BYTES));
        assert_eq!(arena.allocate(PAGE).ok(), Some(PAGE), "what lies between is used");
        assert_eq!(arena.allocate(LARGE_PAGE_BYTES - 2 * PAGE).ok(), Some(2 * PAGE));
        assert_eq!(arena.allocate(PAGE).ok(), Some(2 * LARGE_PAGE_BYTES + PAGE));
        assert!(arena.allocate(large).is_err(), "one large page is left");
        assert_eq!(arena.allocate(LARGE_PAGE_BYTES).ok(), Some(3 * LARGE_PAGE_BYTES));
        assert!(arena.allocate(LARGE_PAGE_BYTES).is_err());
    }

    #[test]
    fn what_is_given_back_joins_its_neighbours() {
        let mut arena = Arena::new(0..8 * PAGE);
        assert_eq!(arena.allocate(8 * PAGE).ok(), Some(0));
        let error = arena.allocate(PAGE).expect_err("it is full").to_string();
        assert_eq!(error, "too many bytes of machine code: the limit is 32768");
        arena.release(0, PAGE);
        arena.release(2 * PAGE, PAGE);
        arena.release(PAGE, PAGE);
        assert_eq!(arena.allocate(3 * PAGE).ok(), Some(0));
    }
}
