//! Between lanes of different widths and kinds.

use cranelift_codegen::ir::types::{F32X4, F64X2, I8X16, I16X8, I32X4, I64X2};
use cranelift_codegen::ir::{ConstantData, InstBuilder, Type, Value};
use cranelift_frontend::FuncInstBuilder;
use wasmparser::Operator;

use super::Translator;

/// Which half of the lanes, and how they are extended.
#[derive(Clone, Copy)]
enum Half {
    LowSigned,
    HighSigned,
    LowUnsigned,
    HighUnsigned,
}

impl Half {
    fn extend(self, ins: FuncInstBuilder<'_, '_>, vector: Value) -> Value {
        match self {
            Half::LowSigned => ins.swiden_low(vector),
            Half::HighSigned => ins.swiden_high(vector),
            Half::LowUnsigned => ins.uwiden_low(vector),
            Half::HighUnsigned => ins.uwiden_high(vector),
        }
    }
}

impl Translator<'_> {
    pub(super) fn vector_conversion(&mut self, op: &Operator<'_>) -> bool {
        self.vector_extensions(op) || self.vector_products(op) || self.vector_conversions(op)
    }

    fn vector_extensions(&mut self, op: &Operator<'_>) -> bool {
        match op {
            Operator::I16x8ExtendLowI8x16S => self.extend_half(I8X16, Half::LowSigned),
            Operator::I16x8ExtendHighI8x16S => self.extend_half(I8X16, Half::HighSigned),
            Operator::I16x8ExtendLowI8x16U => self.extend_half(I8X16, Half::LowUnsigned),
            Operator::I16x8ExtendHighI8x16U => self.extend_half(I8X16, Half::HighUnsigned),
            Operator::I32x4ExtendLowI16x8S => self.extend_half(I16X8, Half::LowSigned),
            Operator::I32x4ExtendHighI16x8S => self.extend_half(I16X8, Half::HighSigned),
            Operator::I32x4ExtendLowI16x8U => self.extend_half(I16X8, Half::LowUnsigned),
            Operator::I32x4ExtendHighI16x8U => self.extend_half(I16X8, Half::HighUnsigned),
            Operator::I64x2ExtendLowI32x4S => self.extend_half(I32X4, Half::LowSigned),
            Operator::I64x2ExtendHighI32x4S => self.extend_half(I32X4, Half::HighSigned),
            Operator::I64x2ExtendLowI32x4U => self.extend_half(I32X4, Half::LowUnsigned),
            Operator::I64x2ExtendHighI32x4U => self.extend_half(I32X4, Half::HighUnsigned),
            Operator::I8x16NarrowI16x8S => self.vector_binary(I16X8, |ins, x, y| ins.snarrow(x, y)),
            Operator::I8x16NarrowI16x8U => self.vector_binary(I16X8, |ins, x, y| ins.unarrow(x, y)),
            Operator::I16x8NarrowI32x4S => self.vector_binary(I32X4, |ins, x, y| ins.snarrow(x, y)),
            Operator::I16x8NarrowI32x4U => self.vector_binary(I32X4, |ins, x, y| ins.unarrow(x, y)),
            _ => return false,
        }
        true
    }

    fn vector_products(&mut self, op: &Operator<'_>) -> bool {
        match op {
            Operator::I16x8ExtMulLowI8x16S => self.multiply_half(I8X16, Half::LowSigned),
            Operator::I16x8ExtMulHighI8x16S => self.multiply_half(I8X16, Half::HighSigned),
            Operator::I16x8ExtMulLowI8x16U => self.multiply_half(I8X16, Half::LowUnsigned),
            Operator::I16x8ExtMulHighI8x16U => self.multiply_half(I8X16, Half::HighUnsigned),
            Operator::I32x4ExtMulLowI16x8S => self.multiply_half(I16X8, Half::LowSigned),
            Operator::I32x4ExtMulHighI16x8S => self.multiply_half(I16X8, Half::HighSigned),
            Operator::I32x4ExtMulLowI16x8U => self.multiply_half(I16X8, Half::LowUnsigned),
            Operator::I32x4ExtMulHighI16x8U => self.multiply_half(I16X8, Half::HighUnsigned),
            Operator::I64x2ExtMulLowI32x4S => self.multiply_half(I32X4, Half::LowSigned),
            Operator::I64x2ExtMulHighI32x4S => self.multiply_half(I32X4, Half::HighSigned),
            Operator::I64x2ExtMulLowI32x4U => self.multiply_half(I32X4, Half::LowUnsigned),
            Operator::I64x2ExtMulHighI32x4U => self.multiply_half(I32X4, Half::HighUnsigned),
            Operator::I16x8ExtAddPairwiseI8x16S => {
                self.add_pairs(I8X16, Half::LowSigned, Half::HighSigned);
            }
            Operator::I16x8ExtAddPairwiseI8x16U => {
                self.add_pairs(I8X16, Half::LowUnsigned, Half::HighUnsigned);
            }
            Operator::I32x4ExtAddPairwiseI16x8S => {
                self.add_pairs(I16X8, Half::LowSigned, Half::HighSigned);
            }
            Operator::I32x4ExtAddPairwiseI16x8U => {
                self.add_pairs(I16X8, Half::LowUnsigned, Half::HighUnsigned);
            }
            Operator::I32x4DotI16x8S => self.dot_product(I16X8),
            _ => return false,
        }
        true
    }

    fn vector_conversions(&mut self, op: &Operator<'_>) -> bool {
        match op {
            Operator::I32x4TruncSatF32x4S => {
                self.vector_unary(F32X4, |ins, x| ins.fcvt_to_sint_sat(I32X4, x));
            }
            Operator::I32x4TruncSatF32x4U => {
                self.vector_unary(F32X4, |ins, x| ins.fcvt_to_uint_sat(I32X4, x));
            }
            Operator::F32x4ConvertI32x4S => {
                self.vector_unary(I32X4, |ins, x| ins.fcvt_from_sint(F32X4, x));
            }
            Operator::F32x4ConvertI32x4U => {
                self.vector_unary(I32X4, |ins, x| ins.fcvt_from_uint(F32X4, x));
            }
            Operator::I32x4TruncSatF64x2SZero => self.truncate_to_low_half(true),
            Operator::I32x4TruncSatF64x2UZero => self.truncate_to_low_half(false),
            Operator::F64x2ConvertLowI32x4S => {
                let low = self.pop_half(I32X4, Half::LowSigned);
                let result = self.ins().fcvt_from_sint(F64X2, low);
                self.push_vector(result);
            }
            Operator::F64x2ConvertLowI32x4U => {
                let low = self.pop_half(I32X4, Half::LowUnsigned);
                let result = self.ins().fcvt_from_uint(F64X2, low);
                self.push_vector(result);
            }
            Operator::F32x4DemoteF64x2Zero => self.vector_unary(F64X2, |ins, x| ins.fvdemote(x)),
            Operator::F64x2PromoteLowF32x4 => {
                self.vector_unary(F32X4, |ins, x| ins.fvpromote_low(x));
            }
            _ => return false,
        }
        true
    }

    /// Pops a vector and extends half of its lanes.
    fn pop_half(&mut self, ty: Type, half: Half) -> Value {
        let vector = self.pop_vector(ty);
        half.extend(self.builder.ins(), vector)
    }

    fn extend_half(&mut self, ty: Type, half: Half) {
        let result = self.pop_half(ty, half);
        self.push_vector(result);
    }

    fn multiply_half(&mut self, ty: Type, half: Half) {
        let right = self.pop_half(ty, half);
        let left = self.pop_half(ty, half);
        let result = self.ins().imul(left, right);
        self.push_vector(result);
    }

    fn add_pairs(&mut self, ty: Type, low: Half, high: Half) {
        let vector = self.pop_vector(ty);
        let low = low.extend(self.builder.ins(), vector);
        let high = high.extend(self.builder.ins(), vector);
        let result = self.ins().iadd_pairwise(low, high);
        self.push_vector(result);
    }

    /// Products of lanes at twice the width, neighbours added. Written as the one pattern that
    /// becomes one instruction.
    pub(super) fn dot_product(&mut self, ty: Type) {
        let right = self.pop_vector(ty);
        let left = self.pop_vector(ty);
        let (left_low, right_low) = (self.ins().swiden_low(left), self.ins().swiden_low(right));
        let low = self.ins().imul(left_low, right_low);
        let (left_high, right_high) = (self.ins().swiden_high(left), self.ins().swiden_high(right));
        let high = self.ins().imul(left_high, right_high);
        let result = self.ins().iadd_pairwise(low, high);
        self.push_vector(result);
    }

    /// Two `f64` to the low two of four `i32`. Written as the pattern that is known to the
    /// selection of instructions.
    pub(super) fn truncate_to_low_half(&mut self, is_signed: bool) {
        let vector = self.pop_vector(F64X2);
        let zero = ConstantData::from(&[0; 16][..]);
        let zero = self.builder.func.dfg.constants.insert(zero);
        let zero = self.ins().vconst(I64X2, zero);
        let result = if is_signed {
            let wide = self.ins().fcvt_to_sint_sat(I64X2, vector);
            self.ins().snarrow(wide, zero)
        } else {
            let wide = self.ins().fcvt_to_uint_sat(I64X2, vector);
            self.ins().uunarrow(wide, zero)
        };
        self.push_vector(result);
    }
}
