//! The way out to a host function of numbers, written here as the PLT is:
//!
//! ```text
//!     mov rax, [rsp]                  where wasm was, for backtraces
//!     mov [r15 + HOST_CALL_PC], rax
//!     mov [r15 + HOST_CALL_FP], rbp
//!     cmp rsp, [r15 + STACK_LIMIT]    whether the host has room
//!     jb 1f
//!     mov A, r15                      behind the function's own arguments
//!     mov B, shim
//!     mov rax, code of the shim
//!     jmp rax                         which returns to wasm itself
//! 1:  mov rdi, r15
//!     mov rax, overflow
//!     jmp rax
//! ```
//! Numbers are in the same registers in wasm's convention and in C's, and what C leaves alone wasm
//! does not need left alone: nothing is moved, and no frame is made.

use crate::builtins::overflow;
use crate::code::Code;
use crate::context::VmContext;

/// The registers of integers in C's convention, by their numbers.
const INTS: [u8; 6] = [7, 6, 2, 1, 8, 9];

/// Most integers of a function that leave registers for what is added to them.
pub(crate) const INTS_MAX: usize = INTS.len() - 2;

const RAX: u8 = 0;
const RDI: u8 = 7;

/// Length of what is jumped to when the host has no room.
const OVERFLOW_BYTES: usize = 15;

/// A wasm function that goes on at `code` with two more arguments behind the `ints` integers that it
/// has, at most [`INTS_MAX`]: the pinned register, and `shim`.
pub(crate) fn thunk(code: usize, shim: usize, ints: usize) -> Code {
    let mut bytes = vec![0x48, 0x8b, 0x04, 0x24];
    for (instruction, field) in [
        ([0x49, 0x89, 0x87], VmContext::HOST_CALL_PC),
        ([0x49, 0x89, 0xaf], VmContext::HOST_CALL_FP),
        ([0x49, 0x3b, 0xa7], VmContext::STACK_LIMIT),
    ] {
        bytes.extend(instruction);
        bytes.extend(field.to_le_bytes());
    }
    let mut call = Vec::new();
    mov_from_pinned(&mut call, INTS[ints]);
    mov_immediate(&mut call, INTS[ints + 1], shim);
    jump(&mut call, code);
    bytes.extend([0x72, call.len() as u8]);
    bytes.extend(call);
    let start = bytes.len();
    mov_from_pinned(&mut bytes, RDI);
    jump(&mut bytes, overflow as *const () as usize);
    debug_assert_eq!(bytes.len() - start, OVERFLOW_BYTES);
    Code { bytes, align: 64, ..Code::default() }
}

/// `mov register, r15`
fn mov_from_pinned(bytes: &mut Vec<u8>, register: u8) {
    bytes.extend([0x4c | register >> 3, 0x89, 0xf8 | register & 7]);
}

/// `mov register, immediate`
fn mov_immediate(bytes: &mut Vec<u8>, register: u8, immediate: usize) {
    bytes.extend([0x48 | register >> 3, 0xb8 | register & 7]);
    bytes.extend(immediate.to_le_bytes());
}

/// `mov rax, address; jmp rax`
fn jump(bytes: &mut Vec<u8>, address: usize) {
    mov_immediate(bytes, RAX, address);
    bytes.extend([0xff, 0xe0]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_added_stands_behind_the_integers() {
        let code = thunk(0x1122, 0x3344, 0);
        let expected = [
            0x48, 0x8b, 0x04, 0x24, // mov rax, [rsp]
            0x49, 0x89, 0x87, 0xb0, 0xff, 0xee, 0xff, // mov [r15 - 0x110050], rax
            0x49, 0x89, 0xaf, 0xa8, 0xff, 0xee, 0xff, // mov [r15 - 0x110058], rbp
            0x49, 0x3b, 0xa7, 0xd8, 0xff, 0xee, 0xff, // cmp rsp, [r15 - 0x110028]
            0x72, 0x19, // jb overflow
            0x4c, 0x89, 0xff, // mov rdi, r15
            0x48, 0xbe, 0x44, 0x33, 0, 0, 0, 0, 0, 0, // mov rsi, 0x3344
            0x48, 0xb8, 0x22, 0x11, 0, 0, 0, 0, 0, 0, // mov rax, 0x1122
            0xff, 0xe0, // jmp rax
            0x4c, 0x89, 0xff, // mov rdi, r15
        ];
        assert_eq!(code.bytes[..expected.len()], expected);
        assert_eq!(code.bytes.len(), expected.len() - 3 + OVERFLOW_BYTES);
        // mov r8, r15; mov r9, 0x3344
        let code = thunk(0x1122, 0x3344, INTS_MAX);
        let added = [0x4d, 0x89, 0xf8, 0x49, 0xb9, 0x44, 0x33, 0, 0, 0, 0, 0, 0];
        assert_eq!(code.bytes[27..][..added.len()], added);
    }
}
