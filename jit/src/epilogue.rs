//! Returns without the stack pointer's detour through the frame pointer.
//!
//! Cranelift ends every x86-64 function like this, the first line only where the frame has a size:
//!
//! ```text
//! add rsp, S
//! mov rsp, rbp        48 89 ec
//! pop rbp             5d
//! ret                 c3, or c2 and 16 bits where the function pops its own arguments
//! ```
//!
//! The `mov` changes nothing, and costs 0.7 ns of a 1.7 ns call on a Zen 5: it takes the stack
//! pointer from a general register, so the processor has to synchronise what its stack engine
//! knows. Three bytes of `nop` take its place.
//!
//! # Why `rsp` equals `rbp` there
//! In `isa/x64/abi.rs` of Cranelift 0.135:
//! * `gen_prologue_frame_setup` ends with `mov rbp, rsp`. Where tail calls need a larger argument
//!   area, `gen_clobber_save` lowers `rsp` and moves it to `rbp` once more. It then subtracts the
//!   size S = fixed frame storage + clobbers + outgoing arguments. So `rbp - rsp` = S. Nothing else
//!   writes `rbp`: it is not an allocatable register.
//! * Stack probes, unrolled or in a loop, add what they subtracted before S is subtracted.
//! * In the body only a call moves `rsp`: a callee that pops its arguments adds their size, and the
//!   call's own emission subtracts it again behind the call. So `rbp - rsp` = S at each instruction.
//! * `gen_clobber_restore`, the start of the epilogue, adds the same S.
//!
//! Hence what lands in a function other than by a return, as an exception's handler does, has to
//! restore `rsp` to `rbp - S`; it needs that anyway to find its spilled values.
//!
//! # Where the instructions are
//! Bytes are never searched. [`mark_returns`] gives all `return` instructions a source location
//! that nothing else has. `VCode::emit` ends a range of equal source locations with its block at
//! the latest, a `return` is the last of its block, and the epilogue is emitted in its place: so
//! the range ends right behind the `ret`, and the bytes before its end are those above. They are
//! compared all the same; what differs stays.
//!
//! Tail calls have an epilogue of their own with more behind it; it is left as it is.

use cranelift_codegen::CompiledCode;
use cranelift_codegen::ir::{self, Opcode, SourceLoc};

/// The source location of all returns. No module is so large that this is an offset in it.
const RETURN: u32 = u32::MAX - 2;

const MOV_RSP_RBP: [u8; 3] = [0x48, 0x89, 0xec];
const POP_RBP: u8 = 0x5d;
const RET: u8 = 0xc3;
const RET_IMM16: u8 = 0xc2;
const NOP: [u8; 3] = [0x0f, 0x1f, 0x00];

/// Marks where the function returns. No other instruction may have that mark.
pub fn mark_returns(func: &mut ir::Function) {
    let mut block = func.layout.entry_block();
    while let Some(current) = block {
        if let Some(last) = func.layout.last_inst(current)
            && func.dfg.insts[last].opcode() == Opcode::Return
        {
            func.set_srcloc(last, SourceLoc::new(RETURN));
        }
        block = func.layout.next_block(current);
    }
}

/// Replaces the redundant instruction in `bytes`, the code of a function whose returns are marked.
pub fn shorten(compiled: &CompiledCode, bytes: &mut [u8]) {
    for range in compiled.buffer.get_srclocs_sorted() {
        if range.loc.bits() == RETURN {
            shorten_one(&mut bytes[range.start as usize..range.end as usize]);
        }
    }
}

/// `code` ends with an epilogue.
fn shorten_one(code: &mut [u8]) {
    let epilogue_bytes = match code {
        [.., POP_RBP, RET] => 5,
        [.., POP_RBP, RET_IMM16, _, _] => 7,
        _ => return,
    };
    let Some(start) = code.len().checked_sub(epilogue_bytes) else { return };
    let mov = &mut code[start..start + MOV_RSP_RBP.len()];
    if mov == MOV_RSP_RBP {
        mov.copy_from_slice(&NOP);
    }
}

#[cfg(test)]
mod tests;
