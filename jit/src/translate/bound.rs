//! The greatest value that an index can have: what is added to a small one does not wrap.
//!
//! A table is looked up with an index that was masked, shifted or loaded from a byte. Then the sum with
//! the table's address is less than 4 GiB, so the address is a displacement, and what scales the index
//! is part of the operand: `[r15 + 4 * index + table]`.

use cranelift_codegen::ir::types::{I8, I64};
use cranelift_codegen::ir::{InstBuilder, InstructionData, Opcode, Value};

use super::Translator;

/// How many instructions are looked through.
const DEPTH_MAX: u32 = 4;
/// The greatest power of two that an operand scales its index by: the logarithm.
const SCALE_LOG2_MAX: u32 = 3;

impl Translator<'_> {
    /// A 32-bit index with 64 bits, if it plus `constant` does not wrap.
    pub(super) fn widen_bounded(&mut self, index: Value, constant: u32) -> Option<Value> {
        let bound = self.index_max(index, DEPTH_MAX);
        bound.checked_add(constant)?;
        if bound == u32::MAX {
            return None;
        }
        if let Some((scaled, shift)) = self.shifted(index)
            && shift <= SCALE_LOG2_MAX
        {
            // No bit is shifted out: `bound` is not what it would be then.
            let wide = self.ins().uextend(I64, scaled);
            return Some(self.ins().ishl_imm_u(wide, i64::from(shift)));
        }
        Some(self.widen(index))
    }

    /// The value that a constant number of bits less than 32 shifts left, and that number.
    fn shifted(&self, value: Value) -> Option<(Value, u32)> {
        match self.definition(value)? {
            InstructionData::Binary { opcode: Opcode::Ishl, args: [left, right] } => {
                let shift = self.constant_of(right).filter(|shift| *shift < 32)?;
                Some((self.resolved(left), shift))
            }
            _ => None,
        }
    }

    /// No value of an index is greater than this; `u32::MAX` where nothing is known.
    fn index_max(&self, value: Value, depth: u32) -> u32 {
        let value = self.resolved(value);
        let Some(depth) = depth.checked_sub(1) else { return u32::MAX };
        let shifted = |value: u32, shift: u32, is_left: bool| match is_left {
            _ if shift >= 32 => u32::MAX,
            true if value.leading_zeros() >= shift => value << shift,
            true => u32::MAX,
            false => value >> shift,
        };
        let Some(definition) = self.definition(value) else { return u32::MAX };
        match definition {
            InstructionData::UnaryImm { opcode: Opcode::Iconst, imm } => imm.bits() as u32,
            InstructionData::Load { opcode: Opcode::Uload8, .. } => u8::MAX.into(),
            InstructionData::Load { opcode: Opcode::Uload16, .. } => u16::MAX.into(),
            // A truth value.
            InstructionData::Unary { opcode: Opcode::Uextend, arg }
                if self.builder.func.dfg.value_type(arg) == I8 =>
            {
                u8::MAX.into()
            }
            InstructionData::Binary { opcode, args: [left, right] } => {
                let left_max = self.index_max(left, depth);
                let constant = self.constant_of(right);
                match (opcode, constant) {
                    (Opcode::Band, _) => left_max.min(self.index_max(right, depth)),
                    (Opcode::Ishl, Some(shift)) => shifted(left_max, shift, true),
                    (Opcode::Ushr, Some(shift)) => shifted(left_max, shift, false),
                    (Opcode::Urem, Some(divisor)) => left_max.min(divisor.wrapping_sub(1)),
                    (Opcode::Iadd, _) => left_max.saturating_add(self.index_max(right, depth)),
                    (Opcode::Imul, Some(factor)) => left_max.saturating_mul(factor),
                    _ => u32::MAX,
                }
            }
            _ => u32::MAX,
        }
    }
}
