//! Into wasm and out of it again: the only assembly of the runtime but for the builtins' stubs.

use std::any::Any;
use std::arch::naked_asm;
use std::mem::offset_of;

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
    /// What the signal handler saw.
    pub(crate) fault: Fault,
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
