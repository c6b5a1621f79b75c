//! Into wasm and out of it again: the only assembly of the runtime but for the builtins' stubs.

use std::arch::x86_64::__m128i;
use std::arch::{asm, naked_asm};
use std::mem::MaybeUninit;

use crate::context::VmContext;
use crate::typed::WasmValue;
use crate::types::ValType;
use crate::value::RawValue;

/// An entry from the host into wasm that is inside another one: wasm called a host function, which
/// entered wasm. The outermost has nothing to remember.
#[derive(Debug)]
pub(crate) struct Activation {
    /// The activation around this one, 0 if that is the outermost entry.
    pub(crate) previous: usize,
    /// Frame pointer of the entry around this one.
    pub(crate) outer_fp: usize,
    /// Where the entry around this one called the host: frame pointer and return address.
    pub(crate) outer_call: (usize, usize),
}

/// How many integers, and how many vectors or floats, a function takes in registers.
pub(crate) const INT_PARAMS: usize = 6;
const VECTOR_PARAMS: usize = 8;

/// How many of each a function gives in registers.
const RESULTS: usize = 8;

/// Values on their way into wasm, in the registers of its convention: integers and references in
/// rdi, rsi, rdx, rcx, r8 and r9, floats and vectors in xmm0 to xmm7.
pub struct Arguments {
    ints: [MaybeUninit<u64>; INT_PARAMS],
    ints_len: usize,
    vectors: [MaybeUninit<__m128i>; VECTOR_PARAMS],
    vectors_len: usize,
}

impl Arguments {
    /// No values.
    #[inline(always)]
    pub(crate) fn new() -> Self {
        Arguments {
            ints: [MaybeUninit::uninit(); INT_PARAMS],
            ints_len: 0,
            vectors: [MaybeUninit::uninit(); VECTOR_PARAMS],
            vectors_len: 0,
        }
    }

    /// Adds the next one.
    ///
    /// # Panics
    /// If there is no register for it.
    #[inline(always)]
    pub(crate) fn push<T: WasmValue>(&mut self, value: T) {
        let raw = value.into_raw();
        if is_int(T::TYPE) {
            self.push_int(raw.u64());
        } else {
            self.vectors[self.vectors_len].write(into_vector(raw));
            self.vectors_len += 1;
        }
    }

    /// Adds an integer.
    #[inline(always)]
    pub(crate) fn push_int(&mut self, value: u64) {
        self.ints[self.ints_len].write(value);
        self.ints_len += 1;
    }
}

/// What wasm gave, in the registers of its convention: rax, rcx, rdx, rsi, rdi, r8, r9 and r10, and
/// xmm0 to xmm7. What it gave less is what was left there.
pub struct Returned {
    ints: [u64; RESULTS],
    ints_len: usize,
    vectors: [__m128i; RESULTS],
    vectors_len: usize,
}

impl Returned {
    /// Takes the next value.
    ///
    /// # Panics
    /// If it is in no register.
    #[inline(always)]
    pub(crate) fn take<T: WasmValue>(&mut self) -> T {
        T::from_raw(if is_int(T::TYPE) {
            let bits = self.ints[self.ints_len];
            self.ints_len += 1;
            // Of 32 bits the rest is anything.
            match T::TYPE {
                ValType::I64 => RawValue::from(bits),
                _ => RawValue::from(bits as u32),
            }
        } else {
            let bits = from_vector(self.vectors[self.vectors_len]);
            self.vectors_len += 1;
            match T::TYPE {
                ValType::F32 => RawValue::from(bits as u32),
                ValType::F64 => RawValue::from(bits as u64),
                _ => RawValue::from(bits),
            }
        })
    }
}

/// Whether values of this type are in registers for integers.
#[inline(always)]
pub(crate) const fn is_int(ty: ValType) -> bool {
    matches!(ty, ValType::I32 | ValType::I64 | ValType::Ref(_))
}

#[inline(always)]
fn into_vector(raw: RawValue) -> __m128i {
    // SAFETY: both are 16 bytes, and any bits are a vector.
    unsafe { std::mem::transmute::<u128, __m128i>(raw.u128()) }
}

#[inline(always)]
fn from_vector(vector: __m128i) -> u128 {
    // SAFETY: both are 16 bytes, and any bits are a number.
    unsafe { std::mem::transmute::<__m128i, u128>(vector) }
}

/// Wasm returned.
pub(crate) const RETURNED: u64 = 0;
/// A signal handler ended it; see `Departure::fault`.
pub(crate) const FAULTED: u64 = 1;
/// `leap` ended it; see `Departure::stop`.
pub(crate) const RAISED: u64 = 2;

/// A call of `$code` after `$switch`, which may use r10 and leaves an aligned stack below the frame.
macro_rules! enter {
    ($switch:literal, $r10:expr, $code:expr, $arguments:expr, $pinned:expr) => {{
        let mut outcome = $code as u64;
        let [a0, a1, a2, a3, a4, a5] = $arguments.ints;
        let [v0, v1, v2, v3, v4, v5, v6, v7] = $arguments.vectors;
        let mut ints = [0; RESULTS];
        let mut vectors = [into_vector(RawValue::ZERO); RESULTS];
        // The block makes a frame that rbp points to, calls on another stack or below that frame, and
        // takes the frame away again. Compiled code keeps rbp, rsp and r15; that it keeps nothing else is
        // declared. Where `land` comes back to, the frame was taken away, and the rest is as behind a
        // call.
        asm!(
            "lea rax, [rip + 2f]",
            "push rax",
            "push rbp",
            "mov rbp, rsp",
            "push rbx",
            "mov [r15 + {entry_fp}], rbp",
            $switch,
            "call r11",
            "mov rbx, [rbp - 8]",
            "lea rsp, [rbp + 16]",
            "mov rbp, [rbp]",
            "xor r11d, r11d",
            "2:",
            entry_fp = const VmContext::ENTRY_FP,
            inlateout("r11") outcome,
            // Where `land` comes back to it is what it was too.
            in("r15") $pinned,
            in("rdi") a0,
            in("rsi") a1,
            in("rdx") a2,
            in("rcx") a3,
            in("r8") a4,
            in("r9") a5,
            in("r10") $r10,
            in("xmm0") v0,
            in("xmm1") v1,
            in("xmm2") v2,
            in("xmm3") v3,
            in("xmm4") v4,
            in("xmm5") v5,
            in("xmm6") v6,
            in("xmm7") v7,
            lateout("rax") ints[0],
            lateout("rcx") ints[1],
            lateout("rdx") ints[2],
            lateout("rsi") ints[3],
            lateout("rdi") ints[4],
            lateout("r8") ints[5],
            lateout("r9") ints[6],
            lateout("r10") ints[7],
            lateout("xmm0") vectors[0],
            lateout("xmm1") vectors[1],
            lateout("xmm2") vectors[2],
            lateout("xmm3") vectors[3],
            lateout("xmm4") vectors[4],
            lateout("xmm5") vectors[5],
            lateout("xmm6") vectors[6],
            lateout("xmm7") vectors[7],
            lateout("r12") _,
            lateout("r13") _,
            lateout("r14") _,
            clobber_abi("sysv64"),
        );
        (Returned { ints, ints_len: 0, vectors, vectors_len: 0 }, outcome)
    }};
}

/// Calls `code` with `pinned` in r15 on the stack that ends at `stack_top`. Gives what it returned,
/// and how it ended.
///
/// Inlined into its callers, as the assembly is into theirs: what they keep in registers is saved once
/// around a loop of calls instead of in each of them. The frame that it makes is
///
/// ```text
/// fp + 8    where `land` returns to: right behind the call
/// fp        the caller's frame pointer
/// fp - 8    rbx
/// ```
/// A walk along frame pointers, `perf`'s for one, so goes on from wasm to the host.
///
/// # Safety
/// `code` is compiled code and takes its parameters in registers, which are those in `arguments`, or
/// an entry trampoline with its arguments; `pinned` belongs to a live process whose context names
/// that process and the activation, if it is one; `stack_top` is 16-aligned and nobody uses that stack.
#[inline(always)]
pub(crate) unsafe fn enter_on(
    stack_top: usize,
    code: usize,
    arguments: &Arguments,
    pinned: usize,
) -> (Returned, u64) {
    // SAFETY: this function's duty.
    unsafe { enter!("mov rsp, r10", stack_top, code, arguments, pinned) }
}

/// As [`enter_on`], on the stack that the caller is on.
///
/// # Safety
/// As for [`enter_on`], but that the stack is wasm's already.
#[inline(always)]
pub(crate) unsafe fn enter_here(
    code: usize,
    arguments: &Arguments,
    pinned: usize,
) -> (Returned, u64) {
    // The frame has three words: one more, and the stack is aligned again.
    // SAFETY: this function's duty.
    unsafe { enter!("sub rsp, 8", 0_usize, code, arguments, pinned) }
}

/// Ends the entry whose `fp - 8` is in rsp, with how it ended in r11, and the pinned register in place.
///
/// # Safety
/// Only jumped to, with these in place.
#[unsafe(naked)]
pub(crate) unsafe extern "C" fn land() -> ! {
    naked_asm!("pop rbx", "pop rbp", "ret")
}

/// Leaves wasm for the entry whose frame pointer this is, with `pinned` in the pinned register.
///
/// # Safety
/// That entry is live on this thread, and no frame between here and there owns anything.
#[unsafe(naked)]
pub(crate) unsafe extern "C" fn leap(fp: usize, pinned: usize) -> ! {
    naked_asm!(
        "lea rsp, [rdi - 8]",
        "mov r15, rsi",
        "mov r11d, {raised}",
        "jmp {land}",
        raised = const RAISED,
        land = sym land,
    )
}
