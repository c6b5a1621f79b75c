//! The stack that wasm runs on: a guard, room for host functions, then the guest's share.

use crate::context::HOST_STACK_BYTES;
use crate::error::Error;
use crate::reservation::{Access, PAGE_BYTES, Reservation};

/// Bytes without access below the stack. Frames larger than this are probed by compiled code, so
/// nothing steps over it.
const GUARD_BYTES: usize = 256 * 1024;

/// A stack for wasm.
#[derive(Debug)]
pub(crate) struct Stack {
    top: usize,
    reservation: Reservation,
}

impl Stack {
    /// A stack with `size_bytes` for wasm.
    pub(crate) fn new(size_bytes: usize) -> Result<Self, Error> {
        let usable = size_bytes.next_multiple_of(PAGE_BYTES) + HOST_STACK_BYTES;
        let reservation = Reservation::new(GUARD_BYTES + usable, "stack")?;
        reservation.set_access(GUARD_BYTES, usable, Access::ReadWrite)?;
        Ok(Stack { top: reservation.base() + reservation.len(), reservation })
    }

    /// Where it starts; it grows down from there.
    #[inline]
    pub(crate) fn top(&self) -> usize {
        self.top
    }

    /// First address that may be read, and one past the last.
    pub(crate) fn readable(&self) -> (usize, usize) {
        (self.reservation.base() + GUARD_BYTES, self.top())
    }

    /// Below this address no host function is called.
    pub(crate) fn limit(&self) -> usize {
        self.reservation.base() + GUARD_BYTES + HOST_STACK_BYTES
    }

    /// Whether `address` lies in the guard.
    pub(crate) fn guard_contains(&self, address: usize) -> bool {
        address.wrapping_sub(self.reservation.base()) < GUARD_BYTES
    }

    /// The word at `address`, if it is an aligned address of the stack.
    pub(crate) fn word(&self, address: usize) -> Option<usize> {
        let offset = address.checked_sub(self.reservation.base())?;
        if offset < GUARD_BYTES || offset > self.reservation.len() - 8 || !address.is_multiple_of(8)
        {
            return None;
        }
        // SAFETY: `offset` was checked to be behind the guard and at least 8 bytes from the end,
        // where the mapping is readable; `address` is aligned; a stale word is still initialized.
        Some(unsafe { std::ptr::read(self.reservation.pointer(offset).cast::<usize>()) })
    }

    /// Every word of the stack that is in use now, if wasm called who asks, and the registers that
    /// wasm may expect back.
    #[inline(never)]
    pub(crate) fn words_in_use(&self) -> Vec<usize> {
        let mut saved = [0_usize; 6];
        let sp: usize;
        // SAFETY: the six words are written to `saved`, which has six, and no register is changed but
        // the output. What this function itself keeps in a register that its caller expects back is
        // saved in its frame, which lies above `sp`.
        unsafe {
            std::arch::asm!(
                "mov [{saved}], rbx",
                "mov [{saved} + 8], rbp",
                "mov [{saved} + 16], r12",
                "mov [{saved} + 24], r13",
                "mov [{saved} + 32], r14",
                "mov [{saved} + 40], r15",
                "mov {sp}, rsp",
                saved = in(reg) saved.as_mut_ptr(),
                sp = out(reg) sp,
                options(nostack, preserves_flags),
            );
        }
        let mut words = saved.to_vec();
        words.extend((sp.next_multiple_of(8)..).step_by(8).map_while(|at| self.word(at)));
        words
    }

    /// The reference at `address`, if that is one of four aligned bytes of the stack.
    pub(crate) fn reference(&self, address: usize) -> Option<u32> {
        let pointer = self.reference_pointer(address)?;
        // SAFETY: `reference_pointer` checked that four readable, aligned bytes are there.
        Some(unsafe { pointer.read() })
    }

    /// Changes the reference at `address`, which [`Stack::reference`] read.
    pub(crate) fn set_reference(&mut self, address: usize, bits: u32) {
        let pointer = self.reference_pointer(address).expect("a reference was read there");
        // SAFETY: as above; wasm, whose frame it is, does not run now, and its code expects that a
        // call changes what its stack map names.
        unsafe { pointer.write(bits) };
    }

    fn reference_pointer(&self, address: usize) -> Option<*mut u32> {
        let offset = address.checked_sub(self.reservation.base())?;
        let is_inside = (GUARD_BYTES..=self.reservation.len() - 4).contains(&offset);
        (is_inside && address.is_multiple_of(4)).then(|| self.reservation.pointer(offset).cast())
    }
}
