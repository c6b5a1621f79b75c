//! Relaxed vector instructions, each with one of its permitted meanings: that of its strict
//! sibling, so that a program gives the same results on every processor. A product and a sum are
//! rounded twice.

use cranelift_codegen::ir::types::{F32X4, F64X2, I8X16, I16X8};
use cranelift_codegen::ir::{InstBuilder, Type};
use wasmparser::Operator;

use super::Translator;

impl Translator<'_> {
    pub(super) fn relaxed(&mut self, op: &Operator<'_>) -> bool {
        match op {
            Operator::F32x4RelaxedMadd => self.multiply_and_add(F32X4, false),
            Operator::F32x4RelaxedNmadd => self.multiply_and_add(F32X4, true),
            Operator::F64x2RelaxedMadd => self.multiply_and_add(F64X2, false),
            Operator::F64x2RelaxedNmadd => self.multiply_and_add(F64X2, true),
            Operator::I16x8RelaxedDotI8x16I7x16S => self.dot_of_bytes(),
            Operator::I32x4RelaxedDotI8x16I7x16AddS => self.dot_of_bytes_and_add(),
            other => return strict(other).is_some_and(|op| self.simd(&op)),
        }
        true
    }

    /// `x * y + z`, or `-(x * y) + z`.
    fn multiply_and_add(&mut self, ty: Type, is_negated: bool) {
        let addend = self.pop_vector(ty);
        let right = self.pop_vector(ty);
        let left = self.pop_vector(ty);
        let product = self.ins().fmul(left, right);
        let result = if is_negated {
            self.ins().fsub(addend, product)
        } else {
            self.ins().fadd(product, addend)
        };
        self.push_vector(result);
    }

    /// Products of bytes, neighbours added at twice the width.
    fn dot_of_bytes(&mut self) {
        self.dot_product(I8X16);
    }

    /// The same, neighbours added again, and a third operand to that.
    fn dot_of_bytes_and_add(&mut self) {
        let addend = self.pop();
        self.dot_of_bytes();
        let vector = self.pop_vector(I16X8);
        let low = self.ins().swiden_low(vector);
        let high = self.ins().swiden_high(vector);
        let sums = self.ins().iadd_pairwise(low, high);
        self.push_vector(sums);
        self.push(addend);
        self.simd(&Operator::I32x4Add);
    }
}

/// The instruction whose meaning a relaxed one takes.
fn strict(op: &Operator<'_>) -> Option<Operator<'static>> {
    Some(match op {
        Operator::I8x16RelaxedSwizzle => Operator::I8x16Swizzle,
        Operator::I32x4RelaxedTruncF32x4S => Operator::I32x4TruncSatF32x4S,
        Operator::I32x4RelaxedTruncF32x4U => Operator::I32x4TruncSatF32x4U,
        Operator::I32x4RelaxedTruncF64x2SZero => Operator::I32x4TruncSatF64x2SZero,
        Operator::I32x4RelaxedTruncF64x2UZero => Operator::I32x4TruncSatF64x2UZero,
        Operator::I8x16RelaxedLaneselect
        | Operator::I16x8RelaxedLaneselect
        | Operator::I32x4RelaxedLaneselect
        | Operator::I64x2RelaxedLaneselect => Operator::V128Bitselect,
        Operator::F32x4RelaxedMin => Operator::F32x4Min,
        Operator::F32x4RelaxedMax => Operator::F32x4Max,
        Operator::F64x2RelaxedMin => Operator::F64x2Min,
        Operator::F64x2RelaxedMax => Operator::F64x2Max,
        Operator::I16x8RelaxedQ15mulrS => Operator::I16x8Q15MulrSatS,
        _ => return None,
    })
}
