//! Into wasm and out of it again: the only assembly of the runtime but for the builtins' stubs.

use std::any::Any;
use std::arch::naked_asm;
use std::mem::{MaybeUninit, offset_of};
use std::sync::atomic::AtomicBool;

use crate::exception::Passed;
use crate::trap::Stop;
use crate::value::RawValue;

/// One entry from the host into wasm. Entries nest: wasm calls a host function, which enters wasm.
#[repr(C)]
pub(crate) struct Activation {
    /// The host's stack pointer at the entry; `land` continues from it.
    pub(crate) host_sp: usize,
    /// The entry's frame pointer.
    pub(crate) entry_fp: usize,
    /// The activation around this one, 0 for the outermost.
    pub(crate) previous: usize,
    /// Where the activation around this one called the host: frame pointer and return address.
    pub(crate) outer_call: (usize, usize),
    /// First address of the text, and one past its last.
    pub(crate) text: (usize, usize),
    /// First address of the stack that may be read, and one past its last.
    pub(crate) stack: (usize, usize),
    /// Set while somebody asks this process to stop.
    pub(crate) interrupt: *const AtomicBool,
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
#[repr(C)]
pub(crate) struct Fault {
    pub(crate) pc: usize,
    pub(crate) fp: usize,
    pub(crate) sp: usize,
    pub(crate) address: usize,
    pub(crate) signal: i32,
}

/// How many frames are kept of a chain.
pub(crate) const CHAIN_MAX: usize = 64;

/// The calls that led to where wasm was left. An inner activation's frames are on the stack that
/// the host goes on with, so they are noted before it does.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Chain {
    /// Room for so many, of which the first `len` are written. It lies beside the activation:
    /// writing all of it at each entry would cost more than all else that an entry does.
    pcs: *mut [usize; CHAIN_MAX],
    len: usize,
    /// The two words on top of the stack of a fault.
    pub(crate) top: [usize; 2],
}

impl Chain {
    /// No frames.
    ///
    /// # Safety
    /// The room is nobody else's for as long as the chain lives.
    #[inline]
    pub(crate) unsafe fn empty(room: &mut MaybeUninit<[usize; CHAIN_MAX]>) -> Chain {
        Chain { pcs: room.as_mut_ptr(), len: 0, top: [0; 2] }
    }

    /// Program counters, innermost first; all but the first of a fault are return addresses.
    pub(crate) fn pcs(&self) -> &[usize] {
        // SAFETY: `len` only grows in `push`, which writes the place that it then counts; the room is
        // the chain's by the duty of `empty`.
        unsafe { std::slice::from_raw_parts(self.pcs.cast(), self.len.min(CHAIN_MAX)) }
    }

    /// How many frames there are beyond those that are kept.
    pub(crate) fn omitted(&self) -> usize {
        self.len.saturating_sub(CHAIN_MAX)
    }

    fn push(&mut self, pc: usize) {
        if self.len < CHAIN_MAX {
            // SAFETY: the place lies inside the array, which is the chain's by the duty of `empty`.
            unsafe { self.pcs.cast::<usize>().add(self.len).write(pc) };
        }
        self.len += 1;
    }
}

impl Activation {
    /// Notes the frames from `(frame pointer, pc)` outwards to the entry. Only reads the stack and
    /// writes to `self`: a signal handler may call it.
    pub(crate) fn note_chain(&mut self, call: (usize, usize), sp: usize) {
        self.chain.len = 0;
        self.chain.top = [self.stack_word(sp), self.stack_word(sp.wrapping_add(8))];
        self.extend_chain(call, 0);
    }

    /// Notes the calls that an exception came out of, then those that `call` would take it out of.
    pub(crate) fn note_thrown(&mut self, passed: &Passed, call: (usize, usize)) {
        (self.chain.len, self.chain.top) = (0, [0; 2]);
        passed.calls().iter().for_each(|pc| self.chain.push(*pc));
        self.extend_chain(call, passed.fp);
    }

    /// Adds the frames from `(frame pointer, pc)` outwards that lie outside the frame `inner`.
    fn extend_chain(&mut self, (mut fp, mut pc): (usize, usize), inner: usize) {
        while pc >= self.text.0 && pc < self.text.1 {
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

/// Wasm returned.
pub(crate) const RETURNED: u64 = 0;
/// A signal handler ended it; see `Activation::fault`.
pub(crate) const FAULTED: u64 = 1;
/// `leap` ended it; see `Activation::stop`.
pub(crate) const RAISED: u64 = 2;

/// Calls `entry(code, values)` with `pinned` in r15 on the stack that ends at `stack_top`, or on
/// the current one if that is 0.
///
/// # Safety
/// `entry` is an entry trampoline for the type of `code`; `values` has room for what it reads and
/// writes; `pinned` belongs to a live process whose context names `activation`; `stack_top` is
/// 16-aligned and nobody uses that stack.
#[unsafe(naked)]
pub(crate) unsafe extern "C" fn enter(
    entry: usize,
    code: usize,
    values: *mut RawValue,
    pinned: usize,
    stack_top: usize,
    activation: *mut Activation,
) -> u64 {
    naked_asm!(
        "push rbp",
        "mov rbp, rsp",
        "push rbx",
        "push r12",
        "push r13",
        "push r14",
        "push r15",
        "sub rsp, 8",
        "mov [r9 + {host_sp}], rsp",
        "mov [r9 + {entry_fp}], rbp",
        "mov rbx, r9",
        "mov r15, rcx",
        "mov rax, rdi",
        "mov rdi, rsi",
        "mov rsi, rdx",
        "test r8, r8",
        "cmovz r8, rsp",
        "mov rsp, r8",
        "call rax",
        "mov rsp, [rbx + {host_sp}]",
        "xor eax, eax",
        "jmp {land}",
        host_sp = const offset_of!(Activation, host_sp),
        entry_fp = const offset_of!(Activation, entry_fp),
        land = sym land,
    )
}

/// Returns from `enter` with what is in rax. The stack pointer is `Activation::host_sp`.
///
/// # Safety
/// Only jumped to, with that stack pointer.
#[unsafe(naked)]
pub(crate) unsafe extern "C" fn land() -> ! {
    naked_asm!(
        "add rsp, 8",
        "pop r15",
        "pop r14",
        "pop r13",
        "pop r12",
        "pop rbx",
        "pop rbp",
        "ret",
    )
}

/// Leaves wasm for the activation whose `host_sp` this is.
///
/// # Safety
/// That activation is live on this thread, and no frame between here and there owns anything.
#[unsafe(naked)]
pub(crate) unsafe extern "C" fn leap(host_sp: usize) -> ! {
    naked_asm!(
        "mov rsp, rdi",
        "mov eax, {raised}",
        "jmp {land}",
        raised = const RAISED,
        land = sym land,
    )
}
