//! Exceptions in flight or kept: a heap of their own, with a collector.
//!
//! A reference to an exception (`exnref`) lives in wasm's stack and registers, in globals, in tables
//! and in objects of the garbage-collected heap, never in a memory. References are handles from a sparse range of numbers, so whatever
//! looks like one in those places is taken for one: an exception may outlive its last reference for
//! a while, but never dies before it. Where objects can refer to exceptions, both are collected
//! together, so that a cycle through both is found.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasherDefault, Hasher};

use crate::instance::TagId;
use crate::value::RawValue;

/// Handles start here: few integers, floats or halves of addresses look like this.
const HANDLES_START: u32 = 0xe5a5_0000;

/// How many calls an exception remembers that it has come out of.
const PASSED_MAX: usize = 15;

const _: () = assert!(PASSED_MAX <= crate::departure::CHAIN_MAX);

/// How many exceptions are made before the first collection.
const COLLECT_MIN: usize = 1024;

/// An exception.
#[derive(Debug)]
struct Exception {
    tag: TagId,
    /// Boxed: a handler reads them at their address.
    values: Box<[RawValue]>,
    /// How many references the host holds.
    host_references: u32,
    passed: Passed,
}

/// The calls that an exception has come out of, from the one that threw it to the last handler that
/// took it: return addresses, innermost first. Of so many that not all are kept, the first.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Passed {
    calls: [usize; PASSED_MAX],
    len: usize,
    /// Frame pointer of the last handler: thrown again, the exception has come that far.
    pub(crate) fp: usize,
}

impl Passed {
    /// Out of one more, from the frame `fp`.
    pub(crate) fn push(&mut self, fp: usize, pc: usize) {
        if self.len < PASSED_MAX && fp > self.fp {
            self.calls[self.len] = pc;
            self.len += 1;
        }
    }

    /// Goes back to where the exception was thrown last: nobody took it.
    pub(crate) fn rewind(&mut self, len: usize) {
        self.len = len;
    }

    /// Those that are kept.
    pub(crate) fn calls(&self) -> &[usize] {
        &self.calls[..self.len]
    }
}

/// Handles are consecutive: one multiplication spreads them.
#[derive(Debug, Default)]
struct HandleHasher(u64);

impl Hasher for HandleHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u32((*byte).into());
        }
    }

    fn write_u32(&mut self, handle: u32) {
        self.0 = (self.0 ^ u64::from(handle)).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(26);
    }
}

/// All exceptions of a process.
#[derive(Debug)]
pub(crate) struct Exceptions {
    live: HashMap<u32, Exception, BuildHasherDefault<HandleHasher>>,
    next: u32,
    collect_at: usize,
}

impl Default for Exceptions {
    fn default() -> Self {
        Exceptions { live: HashMap::default(), next: HANDLES_START, collect_at: COLLECT_MIN }
    }
}

impl Exceptions {
    /// Makes an exception; gives its handle.
    pub(crate) fn add(&mut self, tag: TagId, values: Box<[RawValue]>) -> u32 {
        while self.live.contains_key(&self.next) {
            self.step();
        }
        let handle = self.next;
        self.step();
        let passed = Passed::default();
        self.live.insert(handle, Exception { tag, values, host_references: 0, passed });
        handle
    }

    fn step(&mut self) {
        self.next = self.next.checked_add(1).unwrap_or(HANDLES_START);
    }

    /// Its tag and its values.
    pub(crate) fn get(&self, handle: u32) -> Option<(TagId, &[RawValue])> {
        self.live.get(&handle).map(|exception| (exception.tag, &*exception.values))
    }

    /// Tag and values of each, for the collector.
    pub(crate) fn values_mut(&mut self) -> impl Iterator<Item = (TagId, &mut [RawValue])> {
        self.live.values_mut().map(|exception| (exception.tag, &mut *exception.values))
    }

    /// Whether there is one of this tag.
    pub(crate) fn has(&self, tag: TagId) -> bool {
        self.live.values().any(|exception| exception.tag == tag)
    }

    /// What all of them hold.
    pub(crate) fn words(&self) -> impl Iterator<Item = u32> {
        self.live.values().flat_map(|exception| exception.values.iter().map(|value| value.u32()))
    }

    /// Its tag, and the calls that it has come out of so far.
    pub(crate) fn unwinding(&mut self, handle: u32) -> Option<(TagId, &mut Passed)> {
        self.live.get_mut(&handle).map(|exception| (exception.tag, &mut exception.passed))
    }

    /// The host holds one more reference, or one less.
    pub(crate) fn hold(&mut self, handle: u32, is_held: bool) {
        if let Some(exception) = self.live.get_mut(&handle) {
            let held = exception.host_references;
            exception.host_references = if is_held { held + 1 } else { held.saturating_sub(1) };
        }
    }

    /// Whether there are so many that it is time to look for dead ones.
    pub(crate) fn is_collection_due(&self) -> bool {
        self.live.len() >= self.collect_at
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.live.len()
    }

    /// Starts a search for dead ones: from `roots`, which may be any words, and from what the host
    /// holds.
    pub(crate) fn begin(&self, roots: impl Iterator<Item = u32>) -> Search {
        let held = self.live.iter().filter(|(_, exception)| exception.host_references > 0);
        let mut search = Search { reached: HashSet::new(), open: Vec::new() };
        search.reach(self, held.map(|(handle, _)| *handle).chain(roots));
        search
    }

    /// The next one that was reached, if its values were not looked at yet: its tag and its values.
    pub(crate) fn next_reached(&mut self, search: &mut Search) -> Option<(TagId, &mut [RawValue])> {
        let handle = search.open.pop()?;
        let exception = self.live.get_mut(&handle).expect("only living ones are reached");
        Some((exception.tag, &mut exception.values))
    }

    /// Forgets every exception that was not reached.
    pub(crate) fn finish(&mut self, search: &Search) {
        // In place: the room is needed again for the next ones.
        self.live.retain(|handle, _| search.reached.contains(handle));
        self.collect_at = COLLECT_MIN.max(self.live.len() * 2);
    }
}

/// A search for the exceptions that are alive.
#[derive(Debug)]
pub(crate) struct Search {
    reached: HashSet<u32>,
    /// Those of them whose values were not looked at yet.
    open: Vec<u32>,
}

impl Search {
    /// Reaches those of `words` that are exceptions.
    pub(crate) fn reach(&mut self, exceptions: &Exceptions, words: impl Iterator<Item = u32>) {
        for word in words {
            let is_one = word >= HANDLES_START && exceptions.live.contains_key(&word);
            if is_one && self.reached.insert(word) {
                self.open.push(word);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Exceptions, HANDLES_START};
    use crate::instance::TagId;

    fn with(exceptions: &mut Exceptions, value: u32) -> u32 {
        exceptions.add(TagId(1), Box::new([value.into()]))
    }

    fn collect(exceptions: &mut Exceptions, roots: &[u32]) {
        let mut search = exceptions.begin(roots.iter().copied());
        while let Some((_, values)) = exceptions.next_reached(&mut search) {
            let words: Vec<u32> = values.iter().map(|value| value.u32()).collect();
            search.reach(exceptions, words.into_iter());
        }
        exceptions.finish(&search);
    }

    #[test]
    fn reached_through_another_exception_is_kept() {
        let mut exceptions = Exceptions::default();
        let inner = with(&mut exceptions, 5);
        let outer = with(&mut exceptions, inner);
        let dead = with(&mut exceptions, outer);
        collect(&mut exceptions, &[outer]);
        assert_eq!(exceptions.get(inner).map(|(_, values)| values[0].u32()), Some(5));
        assert!(exceptions.get(outer).is_some());
        assert!(exceptions.get(dead).is_none());
    }

    #[test]
    fn held_by_the_host_is_kept_until_dropped() {
        let mut exceptions = Exceptions::default();
        let handle = with(&mut exceptions, 5);
        exceptions.hold(handle, true);
        collect(&mut exceptions, &[]);
        assert_eq!(exceptions.len(), 1);
        exceptions.hold(handle, false);
        collect(&mut exceptions, &[]);
        assert_eq!(exceptions.len(), 0);
    }

    #[test]
    fn handles_do_not_repeat_while_alive() {
        let mut exceptions = Exceptions { next: u32::MAX, ..Exceptions::default() };
        let last = with(&mut exceptions, 0);
        let first = with(&mut exceptions, 0);
        assert_eq!((last, first), (u32::MAX, HANDLES_START));
    }
}
