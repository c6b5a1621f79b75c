//! How wasm is left other than by returning: what is noted before its frames are gone, and how a
//! signal handler finds the place to note it.

use std::any::Any;
use std::ops::Range;
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicBool, AtomicPtr, Ordering};

use crate::context::VmContext;
use crate::exception::Passed;
use crate::trap::Stop;

/// What a process notes when its wasm is left. One place serves all entries: they nest, only the
/// innermost is left, and what is noted is read before anything else runs.
pub(crate) struct Departure {
    /// First address of the text, and one past its last.
    text: Range<usize>,
    /// First address of the stack that may be read, and one past its last.
    stack: (usize, usize),
    /// The process's context, which names the innermost entry.
    context: *const VmContext,
    /// Set while somebody asks this process to stop.
    interrupt: *const AtomicBool,
    /// What the signal handler saw.
    pub(crate) fault: Fault,
    /// The wasm frames when wasm was left.
    pub(crate) chain: Chain,
    /// What `raise` left.
    pub(crate) stop: Option<Stop>,
    /// A panic of a host function, to go on with behind the wasm frames.
    pub(crate) panic: Option<Box<dyn Any + Send>>,
}

/// The machine state at a trapping instruction.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Fault {
    pub(crate) pc: usize,
    pub(crate) fp: usize,
    pub(crate) sp: usize,
    pub(crate) address: usize,
    pub(crate) signal: i32,
}

/// How many frames are kept of a chain, in their order.
pub(crate) const CHAIN_MAX: usize = 64;

/// How many places in code are told apart among the frames beyond.
const FURTHER_MAX: usize = 64;

/// The calls that led to where wasm was left. An inner entry's frames are on the stack that the
/// host goes on with, so they are noted before it does.
#[derive(Debug)]
pub(crate) struct Chain {
    pcs: [usize; CHAIN_MAX],
    /// How many of `pcs` are kept.
    len: usize,
    /// Where the frames beyond go on, and how many of them go on there: a recursion has many frames
    /// and few places.
    further: [(usize, usize); FURTHER_MAX],
    further_len: usize,
    /// How many frames there are that are in neither.
    uncounted: usize,
    /// The two words on top of the stack of a fault.
    pub(crate) top: [usize; 2],
}

impl Chain {
    const EMPTY: Chain = Chain {
        pcs: [0; CHAIN_MAX],
        len: 0,
        further: [(0, 0); FURTHER_MAX],
        further_len: 0,
        uncounted: 0,
        top: [0; 2],
    };

    /// Program counters, innermost first; all but the first of a fault are return addresses.
    pub(crate) fn pcs(&self) -> &[usize] {
        &self.pcs[..self.len]
    }

    /// The return addresses of the frames beyond, and how many frames return to each.
    pub(crate) fn further(&self) -> &[(usize, usize)] {
        &self.further[..self.further_len]
    }

    /// How many frames there are whose place is not known.
    pub(crate) fn uncounted(&self) -> usize {
        self.uncounted
    }

    fn clear(&mut self, top: [usize; 2]) {
        (self.len, self.further_len, self.uncounted) = (0, 0, 0);
        self.top = top;
    }

    fn push(&mut self, pc: usize) {
        if let Some(place) = self.pcs.get_mut(self.len) {
            *place = pc;
            self.len += 1;
            return;
        }
        let known = self.further[..self.further_len].iter_mut().find(|(place, _)| *place == pc);
        if let Some((_, count)) = known {
            *count += 1;
        } else if let Some(place) = self.further.get_mut(self.further_len) {
            *place = (pc, 1);
            self.further_len += 1;
        } else {
            self.uncounted += 1;
        }
    }
}

impl Departure {
    /// Nothing noted yet. The addresses are those of one process.
    pub(crate) fn new(
        text: Range<usize>,
        stack: (usize, usize),
        context: *const VmContext,
        interrupt: *const AtomicBool,
    ) -> Departure {
        let chain = Chain::EMPTY;
        let fault = Fault::default();
        Departure { text, stack, context, interrupt, fault, chain, stop: None, panic: None }
    }

    /// Takes the request to stop, if there is one.
    pub(crate) fn take_interrupt(&self) -> bool {
        // SAFETY: the flag is part of the process that owns this, which drops this first.
        unsafe { &*self.interrupt }.swap(false, Ordering::SeqCst)
    }

    /// Frame pointer of the innermost entry, if wasm runs.
    pub(crate) fn entry_fp(&self) -> Option<usize> {
        // SAFETY: the context lies in the reservation of the process that owns this, which drops this
        // first, and is open from the start. Reading fields one by one needs no reference.
        unsafe { ((*self.context).process != 0).then(|| (*self.context).entry_fp) }
    }

    /// Notes the frames from `(frame pointer, pc)` outwards to the entry. Only reads the stack and
    /// writes to `self`: a signal handler may call it.
    pub(crate) fn note_chain(&mut self, call: (usize, usize), sp: usize) {
        self.chain.clear([self.stack_word(sp), self.stack_word(sp.wrapping_add(8))]);
        self.extend_chain(call, 0);
    }

    /// Notes the calls that an exception came out of, then those that `call` would take it out of.
    pub(crate) fn note_thrown(&mut self, passed: &Passed, call: (usize, usize)) {
        self.chain.clear([0; 2]);
        passed.calls().iter().for_each(|pc| self.chain.push(*pc));
        self.extend_chain(call, passed.fp);
    }

    /// Adds the frames from `(frame pointer, pc)` outwards that lie outside the frame `inner`.
    fn extend_chain(&mut self, (mut fp, mut pc): (usize, usize), inner: usize) {
        while self.text.contains(&pc) {
            if fp > inner {
                self.chain.push(pc);
            }
            (fp, pc) = (self.stack_word(fp), self.stack_word(fp.wrapping_add(8)));
        }
    }

    /// A word of the stack; 0 for an address that is none of its words'.
    fn stack_word(&self, address: usize) -> usize {
        let (start, end) = self.stack;
        if address < start || address > end - 8 || !address.is_multiple_of(8) {
            return 0;
        }
        // SAFETY: `stack` is the range of wasm's stack behind its guard, mapped and readable for as
        // long as the process lives; `address` was checked to be an aligned word inside.
        unsafe { std::ptr::read(address as *const usize) }
    }
}

/// What a text's addresses are counted in here. Texts start at multiples of it, and are multiples of
/// it long: no two share one.
pub(crate) const TEXT_UNIT_BYTES: usize = 1 << 30;

/// How many there are in the address space that the kernel gives out without being asked for more.
const TEXT_UNITS: usize = 1 << 17;

/// To which departure each unit of addresses belongs. A signal handler looks here: it needs no lock
/// and no variable of its thread, which each entry into wasm would have to set. Pages that nobody
/// writes take no memory.
static TEXTS: [AtomicPtr<Departure>; TEXT_UNITS] =
    [const { AtomicPtr::new(ptr::null_mut()) }; TEXT_UNITS];

/// Where wasm that runs at `pc` notes how it is left; null if no process has its text there.
pub(crate) fn at(pc: usize) -> *mut Departure {
    let unit = TEXTS.get(pc / TEXT_UNIT_BYTES);
    unit.map_or(ptr::null_mut(), |unit| unit.load(Ordering::Acquire))
}

/// A departure at an address that stays, where [`at`] finds it.
#[derive(Debug)]
pub(crate) struct Registered(NonNull<Departure>);

// SAFETY: it owns the departure alone, as a `Box` does. The addresses in it are of the process that
// owns it and go where that goes; nothing is bound to a thread. A signal handler writes to it only
// while that process's wasm runs, on the one thread that has `&mut Process`.
unsafe impl Send for Registered {}
// SAFETY: through `&self` it is only read, which cannot be while wasm runs.
unsafe impl Sync for Registered {}

impl Registered {
    /// Makes `departure` known. Its text starts and ends at a multiple of [`TEXT_UNIT_BYTES`].
    pub(crate) fn new(departure: Departure) -> Registered {
        let units = units(&departure.text);
        let pointer = NonNull::from(Box::leak(Box::new(departure)));
        for unit in &TEXTS[units] {
            let before = unit.swap(pointer.as_ptr(), Ordering::AcqRel);
            assert!(before.is_null(), "no two texts are in one place");
        }
        Registered(pointer)
    }

    /// What is noted.
    pub(crate) fn get(&self) -> &Departure {
        // SAFETY: it lives until `self` is dropped, and the handler does not write meanwhile: that
        // needs wasm to run, which needs the process that owns `self` borrowed mutably.
        unsafe { self.0.as_ref() }
    }

    /// What is noted, to change.
    pub(crate) fn get_mut(&mut self) -> &mut Departure {
        // SAFETY: as in `get`; `&mut self` excludes other references.
        unsafe { self.0.as_mut() }
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        for unit in &TEXTS[units(&self.get().text)] {
            unit.store(ptr::null_mut(), Ordering::Release);
        }
        // SAFETY: it was leaked from a box in `new`, and nobody finds it any more: handlers run on the
        // threads of their faults, and no wasm of its process runs.
        drop(unsafe { Box::from_raw(self.0.as_ptr()) });
    }
}

/// The units of a text.
fn units(text: &Range<usize>) -> Range<usize> {
    let is_aligned = |address: usize| address.is_multiple_of(TEXT_UNIT_BYTES);
    assert!(is_aligned(text.start) && is_aligned(text.end), "texts are made of whole units");
    text.start / TEXT_UNIT_BYTES..text.end / TEXT_UNIT_BYTES
}
