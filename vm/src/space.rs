//! The one reservation behind the pinned register: functions, global slots, context, process
//! memory.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::ptr;
use std::sync::Arc;

use crate::context::{
    BELOW_MEMORY_BYTES, CONTEXT_OFFSET, COUNTER_BYTES, COUNTERS_OFFSET, FROM_MEMORY_BYTES,
    FUNCTIONS_MAX, FUNCTIONS_OFFSET, FuncId, GLOBALS_MAX, GLOBALS_OFFSET, GlobalSlot,
    MEMORY_BYTES_MAX, MEMORY_GAP_BYTES, MEMORY_RESERVATION_BYTES, PROCESS_MEMORY_BYTES_MAX,
    VmContext, VmFuncRef,
};
use crate::error::Error;
use crate::reservation::{Access, PAGE_BYTES, Reservation};
use crate::types::TypeId;
use crate::value::RawValue;

/// Bytes opened at once for functions and global slots.
const STEP_BYTES: usize = 64 * 1024;

/// The reservation that compiled code reaches through the pinned register.
#[derive(Debug)]
pub(crate) struct Space {
    /// What the pinned register holds while wasm runs.
    pinned: usize,
    reservation: Arc<Reservation>,
    functions: Growing,
    globals: Growing,
    /// Counters of functions below this one may have been counted up.
    counters_len: u32,
    /// Their pages that are open, from the first on.
    counters_open_bytes: usize,
    /// Ranges of functions that were given back and that nothing refers to, by the types of their
    /// functions: a range is used again for the same types only.
    free_functions: HashMap<Box<[TypeId]>, Vec<FuncId>>,
    /// Ranges that were given back and that something may still refer to.
    retired: BTreeMap<FuncId, Retired>,
    /// Those of modules, by the hash of their bytes.
    retired_by_digest: HashMap<[u8; 32], FuncId>,
    /// How many functions they are.
    retired_len: usize,
    /// Global slots that were given back.
    free_globals: Vec<GlobalSlot>,
    memory_len_bytes: usize,
    memory_open_bytes: usize,
}

/// A range of functions that was given back.
#[derive(Debug)]
struct Retired {
    types: Box<[TypeId]>,
    /// The hash of the bytes of the module that defined them.
    digest: Option<[u8; 32]>,
}

/// An array of 16-byte entries that is opened as it grows.
#[derive(Debug)]
struct Growing {
    what: &'static str,
    start: usize,
    len: u32,
    max: u32,
    open_bytes: usize,
}

impl Growing {
    /// Adds `count` zeroed entries and gives the index of the first.
    fn grow(&mut self, reservation: &Reservation, count: u32) -> Result<u32, Error> {
        let first = self.len;
        let len = first.checked_add(count).filter(|len| *len <= self.max);
        let len = len.ok_or(Error::Exhausted { what: self.what, limit: u64::from(self.max) })?;
        let wanted = len as usize * 16;
        if wanted > self.open_bytes {
            let open = wanted.next_multiple_of(STEP_BYTES);
            let grown = open - self.open_bytes;
            reservation.set_access(self.start + self.open_bytes, grown, Access::ReadWrite)?;
            // Many at once are written right away, few as the rest of a step is needed.
            if grown > STEP_BYTES {
                reservation.populate(self.start + self.open_bytes, grown);
            }
            self.open_bytes = open;
        }
        self.len = len;
        Ok(first)
    }

    #[inline]
    fn offset(&self, index: u32) -> usize {
        assert!(index < self.len, "entry {index} of the {} does not exist", self.what);
        self.start + index as usize * 16
    }
}

impl Space {
    /// Reserves the space and opens the context. Function 0 is null.
    pub(crate) fn new() -> Result<Self, Error> {
        let reservation =
            Reservation::new(BELOW_MEMORY_BYTES + FROM_MEMORY_BYTES, "process memory")?;
        let place = |offset: i32| BELOW_MEMORY_BYTES - offset.unsigned_abs() as usize;
        let context_bytes = size_of::<VmContext>().next_multiple_of(PAGE_BYTES);
        let context_end = BELOW_MEMORY_BYTES - MEMORY_GAP_BYTES;
        reservation.set_access(context_end - context_bytes, context_bytes, Access::ReadWrite)?;
        let mut space = Space {
            pinned: reservation.base() + BELOW_MEMORY_BYTES,
            functions: Growing {
                what: "functions",
                start: place(FUNCTIONS_OFFSET),
                len: 0,
                max: FUNCTIONS_MAX,
                open_bytes: 0,
            },
            globals: Growing {
                what: "mutable globals",
                start: place(GLOBALS_OFFSET),
                len: 0,
                max: GLOBALS_MAX,
                open_bytes: 0,
            },
            counters_len: 0,
            counters_open_bytes: 0,
            free_functions: HashMap::new(),
            retired: BTreeMap::new(),
            retired_by_digest: HashMap::new(),
            retired_len: 0,
            free_globals: Vec::new(),
            reservation: Arc::new(reservation),
            memory_len_bytes: 0,
            memory_open_bytes: 0,
        };
        let null = space.add_functions(1)?;
        debug_assert_eq!(null, FuncId::NULL);
        Ok(space)
    }

    /// All of it, for the heap at its end.
    pub(crate) fn reservation(&self) -> Arc<Reservation> {
        Arc::clone(&self.reservation)
    }

    /// What the pinned register holds while wasm runs.
    #[inline]
    pub(crate) fn pinned(&self) -> usize {
        self.pinned
    }

    /// Which index `address` is of, if an access to the process memory can reach it. What is below the
    /// memory has an index that wrapped.
    pub(crate) fn memory_index(&self, address: usize) -> Option<usize> {
        match address.checked_sub(self.pinned()) {
            Some(index) => (index < MEMORY_RESERVATION_BYTES).then_some(index),
            None => {
                let below = self.pinned() - address;
                (below <= MEMORY_GAP_BYTES).then(|| MEMORY_BYTES_MAX - below)
            }
        }
    }

    /// Where the context of the process's thread is.
    #[inline]
    pub(crate) fn context_address(&self) -> *mut VmContext {
        self.pinned.wrapping_add_signed(CONTEXT_OFFSET as isize) as *mut VmContext
    }

    /// The context of the process's thread.
    #[inline]
    pub(crate) fn context(&self) -> &VmContext {
        let pointer = self.context_address();
        // SAFETY: the page was opened by `new` and stays open; it is 64-aligned, since its
        // end is a page's and the size a multiple of 64; the kernel zeroed it, and every field
        // is an integer. Wasm, the only other writer, runs only in calls with `&mut Process`.
        unsafe { &*pointer }
    }

    /// The context of the process's thread, to change.
    #[inline]
    pub(crate) fn context_mut(&mut self) -> &mut VmContext {
        let pointer = self.context_address();
        // SAFETY: as in `context`; `&mut self` excludes other references.
        unsafe { &mut *pointer }
    }

    /// Adds `count` functions without code.
    pub(crate) fn add_functions(&mut self, count: u32) -> Result<FuncId, Error> {
        self.functions.grow(&self.reservation, count).map(FuncId)
    }

    /// Functions of these types, without code, in a row. A module whose bytes have the hash `digest`
    /// gets those that it had: they are the same functions, and its code in a cache names them.
    pub(crate) fn add_functions_of(
        &mut self,
        types: &[TypeId],
        digest: Option<&[u8; 32]>,
    ) -> Result<FuncId, Error> {
        let own = digest.and_then(|digest| self.take_own_functions(types, digest));
        let free = own.or_else(|| self.free_functions.get_mut(types).and_then(Vec::pop));
        let first = free.map_or_else(|| self.add_functions(types.len() as u32), Ok)?;
        for (func, type_id) in (first.0..).map(FuncId).zip(types) {
            self.set_function(func, VmFuncRef { code: 0, type_id: *type_id, func });
        }
        Ok(first)
    }

    fn take_own_functions(&mut self, types: &[TypeId], digest: &[u8; 32]) -> Option<FuncId> {
        let first = *self.retired_by_digest.get(digest)?;
        self.retired.get(&first).filter(|retired| *retired.types == *types)?;
        self.remove_retired(first).map(|_| first)
    }

    fn remove_retired(&mut self, first: FuncId) -> Option<Retired> {
        let retired = self.retired.remove(&first)?;
        self.retired_len -= retired.types.len();
        if let Some(digest) = &retired.digest
            && self.retired_by_digest.get(digest) == Some(&first)
        {
            self.retired_by_digest.remove(digest);
        }
        Some(retired)
    }

    /// Takes back what [`Space::add_functions_of`] gave: the functions lead to `gone` now. Another
    /// module gets them only after [`Space::free_retired`].
    pub(crate) fn retire_functions(
        &mut self,
        first: FuncId,
        types: &[TypeId],
        digest: Option<&[u8; 32]>,
        gone: impl Fn(FuncId) -> VmFuncRef,
    ) {
        for func in (first.0..).map(FuncId).take(types.len()) {
            self.set_function(func, gone(func));
        }
        if !types.is_empty() {
            let retired = Retired { types: types.into(), digest: digest.copied() };
            self.retired.insert(first, retired);
            self.retired_by_digest.extend(digest.map(|digest| (*digest, first)));
            self.retired_len += types.len();
        }
    }

    /// How many functions were given back and wait.
    pub(crate) fn retired_len(&self) -> usize {
        self.retired_len
    }

    /// Lets those ranges of functions that wait be used again of which no function `is_referred` to.
    /// Gives their first functions.
    pub(crate) fn free_retired(&mut self, is_referred: impl Fn(Range<u32>) -> bool) -> Vec<FuncId> {
        let range = |(first, it): (&FuncId, &Retired)| first.0..first.0 + it.types.len() as u32;
        let free = self.retired.iter().filter(|retired| !is_referred(range(*retired)));
        let free: Vec<FuncId> = free.map(|(first, _)| *first).collect();
        for first in &free {
            let Some(retired) = self.remove_retired(*first) else { continue };
            self.free_functions.entry(retired.types).or_default().push(*first);
        }
        free
    }

    /// How many functions there are, null included.
    pub(crate) fn functions_len(&self) -> u32 {
        self.functions.len
    }

    /// Reads what a function id leads to.
    #[inline]
    pub(crate) fn function(&self, func: FuncId) -> VmFuncRef {
        let pointer = self.reservation.pointer(self.functions.offset(func.0)).cast::<VmFuncRef>();
        // SAFETY: `offset` checked that the entry exists, so its page is open; the array starts on
        // a page and entries are 16 bytes, so the pointer is aligned; all bits are a `VmFuncRef`.
        unsafe { ptr::read(pointer) }
    }

    /// Where stands what a function id leads to. It stands there for good.
    pub(crate) fn function_address(&self, func: FuncId) -> *const VmFuncRef {
        self.reservation.pointer(self.functions.offset(func.0)).cast()
    }

    /// Changes what a function id leads to.
    pub(crate) fn set_function(&mut self, func: FuncId, value: VmFuncRef) {
        let pointer = self.reservation.pointer(self.functions.offset(func.0)).cast::<VmFuncRef>();
        // SAFETY: as in `function`; `&mut self` keeps other host code away, and wasm reads the
        // entry only while it runs, which it does not during this call.
        unsafe { ptr::write(pointer, value) }
    }

    /// Lets `count` functions from `first` on have counters, which are zero.
    pub(crate) fn clear_counters(&mut self, first: FuncId, count: u32) -> Result<(), Error> {
        let array = BELOW_MEMORY_BYTES - COUNTERS_OFFSET.unsigned_abs() as usize;
        let start = array + first.0 as usize * COUNTER_BYTES;
        let len = count as usize * COUNTER_BYTES;
        let end = first.0 as usize * COUNTER_BYTES + len;
        if end > self.counters_open_bytes {
            let (from, open) = (self.counters_open_bytes, end.next_multiple_of(PAGE_BYTES));
            self.reservation.set_access(array + from, open - from, Access::ReadWrite)?;
            self.counters_open_bytes = open;
        }
        let used = self.counters_len.saturating_sub(first.0).min(count) as usize * COUNTER_BYTES;
        let pointer = self.reservation.pointer(start);
        // SAFETY: `used` is at most `len`, whose pages are open, as all before them are; only wasm reads counters, and
        // it does not run during this call.
        unsafe { ptr::write_bytes(pointer, 0, used) };
        self.counters_len = self.counters_len.max(first.0 + count);
        Ok(())
    }

    /// Sets the counter of a function that has one.
    pub(crate) fn reset_counter(&mut self, func: FuncId) {
        assert!(func.0 < self.counters_len, "function {} has no counter", func.0);
        let start = BELOW_MEMORY_BYTES - COUNTERS_OFFSET.unsigned_abs() as usize;
        let pointer = self.reservation.pointer(start + func.0 as usize * COUNTER_BYTES);
        // SAFETY: `clear_counters` opened the page; the array starts on a page and counters are four
        // bytes, so the pointer is aligned; wasm does not run during this call.
        unsafe { ptr::write(pointer.cast::<u32>(), 0) }
    }

    /// Adds `count` global slots with value zero.
    pub(crate) fn add_globals(&mut self, count: u32) -> Result<GlobalSlot, Error> {
        if count == 1
            && let Some(slot) = self.free_globals.pop()
        {
            return Ok(slot);
        }
        self.globals.grow(&self.reservation, count).map(GlobalSlot)
    }

    /// Takes a global slot back.
    pub(crate) fn remove_global(&mut self, slot: GlobalSlot) {
        self.set_global(slot, RawValue::ZERO);
        self.free_globals.push(slot);
    }

    /// Reads a global slot.
    pub(crate) fn global(&self, slot: GlobalSlot) -> RawValue {
        let pointer = self.reservation.pointer(self.globals.offset(slot.0)).cast::<RawValue>();
        // SAFETY: `offset` checked that the slot exists, so its page is open; slots are 16-aligned
        // and any bits are a `RawValue`.
        unsafe { ptr::read(pointer) }
    }

    /// The values of all global slots.
    pub(crate) fn globals(&self) -> impl Iterator<Item = RawValue> {
        (0..self.globals.len).map(|slot| self.global(GlobalSlot(slot)))
    }

    /// Writes a global slot.
    pub(crate) fn set_global(&mut self, slot: GlobalSlot, value: RawValue) {
        let pointer = self.reservation.pointer(self.globals.offset(slot.0)).cast::<RawValue>();
        // SAFETY: as in `global`; wasm does not run during this call.
        unsafe { ptr::write(pointer, value) }
    }

    /// Length of the process memory in bytes.
    pub(crate) fn memory_len_bytes(&self) -> usize {
        self.memory_len_bytes
    }

    /// Makes the process memory `len` bytes long; it never shrinks.
    pub(crate) fn set_memory_len(&mut self, len: usize) -> Result<(), Error> {
        assert!(
            (self.memory_len_bytes..=PROCESS_MEMORY_BYTES_MAX).contains(&len),
            "bad length {len}"
        );
        if len > self.memory_open_bytes {
            let open = len.next_multiple_of(PAGE_BYTES);
            let start = BELOW_MEMORY_BYTES + self.memory_open_bytes;
            let grown = open - self.memory_open_bytes;
            self.reservation.set_access(start, grown, Access::ReadWrite)?;
            // Random access to 64 MiB takes 0.7 of the time. A program holds more for it only at
            // the ends of what it touches.
            self.reservation.prefer_huge_pages(start, grown);
            self.memory_open_bytes = open;
        }
        self.memory_len_bytes = len;
        Ok(())
    }

    /// The process memory.
    pub(crate) fn memory(&self) -> &[u8] {
        let base = self.reservation.pointer(BELOW_MEMORY_BYTES);
        // SAFETY: the first `memory_len_bytes` bytes are open and initialized (zero at first), and
        // stay so as long as `self` lives. Nobody writes them while the slice lives: host code
        // would need `&mut self`, and wasm runs only inside calls that take `&mut Process`.
        unsafe { std::slice::from_raw_parts(base, self.memory_len_bytes) }
    }

    /// The process memory, to change.
    pub(crate) fn memory_mut(&mut self) -> &mut [u8] {
        let base = self.reservation.pointer(BELOW_MEMORY_BYTES);
        // SAFETY: as in `memory`; `&mut self` excludes every other slice of it.
        unsafe { std::slice::from_raw_parts_mut(base, self.memory_len_bytes) }
    }
}
