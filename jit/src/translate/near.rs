//! Accesses near others: what is a known distance above an index that was accessed before needs no
//! addition of its own.
//!
//! `i32.add` wraps, so an index that is a sum cannot simply become an operand and a displacement:
//! `(i32.load (i32.add (local.get 0) (i32.const 8)))` may mean address 4. But the process memory ends
//! [`MEMORY_SLACK_BYTES`] below 4 GiB. Once an access at index `a` has not trapped, `a` lies in the
//! memory, and `a + d` cannot wrap for any `d` up to those bytes: so in
//!
//! ```wat
//! (i32.load (i32.add (local.get 0) (i32.const 4)))
//! (i32.load (i32.add (local.get 0) (i32.const 8)))
//! ```
//!
//! the second is at the first one's index, with an offset of 4. Below the memory lie
//! [`MEMORY_GAP_BYTES`] that nobody can access, so what is less far below an index is in the memory
//! too, or faults, as the index that wraps would: an offset that is added to it afterwards must be 0,
//! since what wraps and then has one added may be in the memory again. Where the compiler errs, nothing
//! is reached that another 32-bit index and offset would not reach.

use cranelift_codegen::ir::types::I32;
use cranelift_codegen::ir::{InstructionData, Opcode, Value, ValueDef};

use super::Translator;
use crate::vm::context::{MEMORY_GAP_BYTES, MEMORY_SLACK_BYTES};

/// Indices that are kept in mind at a time.
const INDICES_MAX: usize = 8;

/// An index that was accessed, on every way to where control is.
#[derive(Clone, Copy)]
pub struct Index {
    terms: Terms,
    constant: u32,
    /// All of it, as 64 bits.
    wide: Value,
}

/// What an index is the sum of, besides a constant.
type Terms = (Value, Option<Value>);

impl Translator<'_> {
    /// A 32-bit index of the process memory and an offset, as a 64-bit index and an offset that mean
    /// the same place. The caller accesses it.
    pub(super) fn near(&mut self, index: Value, offset: u64) -> (Value, i64) {
        let offset = offset.cast_signed();
        let (terms, constant) = self.terms(index);
        if let (term, None) = terms
            && offset + i64::from(constant) <= i64::from(i32::MAX)
            && let Some(wide) = self.widen_bounded(term, constant)
        {
            return (wide, offset + i64::from(constant));
        }
        for known in self.indices.iter().filter(|known| known.terms == terms) {
            let distance = i64::from(constant.wrapping_sub(known.constant).cast_signed());
            let is_above = (0..=MEMORY_SLACK_BYTES as i64).contains(&distance);
            let is_below = (-(MEMORY_GAP_BYTES as i64)..0).contains(&distance) && offset == 0;
            if (is_above || is_below) && offset + distance <= i64::from(i32::MAX) {
                return (known.wide, offset + distance);
            }
        }
        let wide = self.widen(index);
        if self.indices.len() == INDICES_MAX {
            self.indices.remove(0);
        }
        self.indices.push(Index { terms, constant, wide });
        (wide, offset)
    }

    /// An index as a sum, which wraps.
    fn terms(&self, index: Value) -> (Terms, u32) {
        let (mut term, mut constant) = (self.resolved(index), 0_u32);
        while let Some((left, right)) = self.summands(term) {
            if let Some(value) = self.constant_of(right) {
                (term, constant) = (left, constant.wrapping_add(value));
            } else if let Some(value) = self.constant_of(left) {
                (term, constant) = (right, constant.wrapping_add(value));
            } else {
                return ((left.min(right), Some(left.max(right))), constant);
            }
        }
        ((term, None), constant)
    }

    fn summands(&self, value: Value) -> Option<(Value, Value)> {
        match self.definition(value)? {
            InstructionData::Binary { opcode: Opcode::Iadd, args: [left, right] } => {
                Some((self.resolved(left), self.resolved(right)))
            }
            _ => None,
        }
    }

    pub(super) fn constant_of(&self, value: Value) -> Option<u32> {
        match self.definition(self.resolved(value))? {
            InstructionData::UnaryImm { opcode: Opcode::Iconst, imm } => Some(imm.bits() as u32),
            _ => None,
        }
    }

    pub(super) fn definition(&self, value: Value) -> Option<InstructionData> {
        let graph = &self.builder.func.dfg;
        debug_assert_eq!(graph.value_type(value), I32);
        match graph.value_def(value) {
            ValueDef::Result(inst, 0) => Some(graph.insts[inst]),
            _ => None,
        }
    }

    pub(super) fn resolved(&self, value: Value) -> Value {
        self.builder.func.dfg.resolve_aliases(value)
    }
}
