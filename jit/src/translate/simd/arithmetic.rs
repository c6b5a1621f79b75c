//! Arithmetic on lanes.

use cranelift_codegen::ir::condcodes::FloatCC;
use cranelift_codegen::ir::types::{F32X4, F64X2, I8X16, I16X8, I32X4, I64X2};
use cranelift_codegen::ir::{InstBuilder, Type, Value};
use cranelift_frontend::FuncInstBuilder;
use wasmparser::Operator;

use super::Translator;

impl<'a> Translator<'a> {
    pub(super) fn vector_integer(&mut self, op: &Operator<'_>) -> bool {
        self.vector_sums(op) || self.vector_order(op) || self.vector_shifts(op)
    }

    fn vector_sums(&mut self, op: &Operator<'_>) -> bool {
        match op {
            Operator::I8x16Abs => self.vector_unary(I8X16, |ins, x| ins.iabs(x)),
            Operator::I16x8Abs => self.vector_unary(I16X8, |ins, x| ins.iabs(x)),
            Operator::I32x4Abs => self.vector_unary(I32X4, |ins, x| ins.iabs(x)),
            Operator::I64x2Abs => self.vector_unary(I64X2, |ins, x| ins.iabs(x)),
            Operator::I8x16Neg => self.vector_unary(I8X16, |ins, x| ins.ineg(x)),
            Operator::I16x8Neg => self.vector_unary(I16X8, |ins, x| ins.ineg(x)),
            Operator::I32x4Neg => self.vector_unary(I32X4, |ins, x| ins.ineg(x)),
            Operator::I64x2Neg => self.vector_unary(I64X2, |ins, x| ins.ineg(x)),
            Operator::I8x16Popcnt => self.vector_unary(I8X16, |ins, x| ins.popcnt(x)),
            Operator::I8x16Add => self.vector_binary(I8X16, |ins, x, y| ins.iadd(x, y)),
            Operator::I16x8Add => self.vector_binary(I16X8, |ins, x, y| ins.iadd(x, y)),
            Operator::I32x4Add => self.vector_binary(I32X4, |ins, x, y| ins.iadd(x, y)),
            Operator::I64x2Add => self.vector_binary(I64X2, |ins, x, y| ins.iadd(x, y)),
            Operator::I8x16Sub => self.vector_binary(I8X16, |ins, x, y| ins.isub(x, y)),
            Operator::I16x8Sub => self.vector_binary(I16X8, |ins, x, y| ins.isub(x, y)),
            Operator::I32x4Sub => self.vector_binary(I32X4, |ins, x, y| ins.isub(x, y)),
            Operator::I64x2Sub => self.vector_binary(I64X2, |ins, x, y| ins.isub(x, y)),
            Operator::I16x8Mul => self.vector_binary(I16X8, |ins, x, y| ins.imul(x, y)),
            Operator::I32x4Mul => self.vector_binary(I32X4, |ins, x, y| ins.imul(x, y)),
            Operator::I64x2Mul => self.vector_binary(I64X2, |ins, x, y| ins.imul(x, y)),
            Operator::I8x16AddSatS => self.vector_binary(I8X16, |ins, x, y| ins.sadd_sat(x, y)),
            Operator::I16x8AddSatS => self.vector_binary(I16X8, |ins, x, y| ins.sadd_sat(x, y)),
            Operator::I8x16AddSatU => self.vector_binary(I8X16, |ins, x, y| ins.uadd_sat(x, y)),
            Operator::I16x8AddSatU => self.vector_binary(I16X8, |ins, x, y| ins.uadd_sat(x, y)),
            Operator::I8x16SubSatS => self.vector_binary(I8X16, |ins, x, y| ins.ssub_sat(x, y)),
            Operator::I16x8SubSatS => self.vector_binary(I16X8, |ins, x, y| ins.ssub_sat(x, y)),
            Operator::I8x16SubSatU => self.vector_binary(I8X16, |ins, x, y| ins.usub_sat(x, y)),
            Operator::I16x8SubSatU => self.vector_binary(I16X8, |ins, x, y| ins.usub_sat(x, y)),
            Operator::I8x16AvgrU => self.vector_binary(I8X16, |ins, x, y| ins.avg_round(x, y)),
            Operator::I16x8AvgrU => self.vector_binary(I16X8, |ins, x, y| ins.avg_round(x, y)),
            Operator::I16x8Q15MulrSatS => {
                self.vector_binary(I16X8, |ins, x, y| ins.sqmul_round_sat(x, y));
            }
            _ => return false,
        }
        true
    }

    fn vector_order(&mut self, op: &Operator<'_>) -> bool {
        match op {
            Operator::I8x16MinS => self.vector_binary(I8X16, |ins, x, y| ins.smin(x, y)),
            Operator::I16x8MinS => self.vector_binary(I16X8, |ins, x, y| ins.smin(x, y)),
            Operator::I32x4MinS => self.vector_binary(I32X4, |ins, x, y| ins.smin(x, y)),
            Operator::I8x16MinU => self.vector_binary(I8X16, |ins, x, y| ins.umin(x, y)),
            Operator::I16x8MinU => self.vector_binary(I16X8, |ins, x, y| ins.umin(x, y)),
            Operator::I32x4MinU => self.vector_binary(I32X4, |ins, x, y| ins.umin(x, y)),
            Operator::I8x16MaxS => self.vector_binary(I8X16, |ins, x, y| ins.smax(x, y)),
            Operator::I16x8MaxS => self.vector_binary(I16X8, |ins, x, y| ins.smax(x, y)),
            Operator::I32x4MaxS => self.vector_binary(I32X4, |ins, x, y| ins.smax(x, y)),
            Operator::I8x16MaxU => self.vector_binary(I8X16, |ins, x, y| ins.umax(x, y)),
            Operator::I16x8MaxU => self.vector_binary(I16X8, |ins, x, y| ins.umax(x, y)),
            Operator::I32x4MaxU => self.vector_binary(I32X4, |ins, x, y| ins.umax(x, y)),
            _ => return false,
        }
        true
    }

    fn vector_shifts(&mut self, op: &Operator<'_>) -> bool {
        match op {
            Operator::I8x16Shl => self.shift_lanes(I8X16, |ins, x, by| ins.ishl(x, by)),
            Operator::I16x8Shl => self.shift_lanes(I16X8, |ins, x, by| ins.ishl(x, by)),
            Operator::I32x4Shl => self.shift_lanes(I32X4, |ins, x, by| ins.ishl(x, by)),
            Operator::I64x2Shl => self.shift_lanes(I64X2, |ins, x, by| ins.ishl(x, by)),
            Operator::I8x16ShrS => self.shift_lanes(I8X16, |ins, x, by| ins.sshr(x, by)),
            Operator::I16x8ShrS => self.shift_lanes(I16X8, |ins, x, by| ins.sshr(x, by)),
            Operator::I32x4ShrS => self.shift_lanes(I32X4, |ins, x, by| ins.sshr(x, by)),
            Operator::I64x2ShrS => self.shift_lanes(I64X2, |ins, x, by| ins.sshr(x, by)),
            Operator::I8x16ShrU => self.shift_lanes(I8X16, |ins, x, by| ins.ushr(x, by)),
            Operator::I16x8ShrU => self.shift_lanes(I16X8, |ins, x, by| ins.ushr(x, by)),
            Operator::I32x4ShrU => self.shift_lanes(I32X4, |ins, x, by| ins.ushr(x, by)),
            Operator::I64x2ShrU => self.shift_lanes(I64X2, |ins, x, by| ins.ushr(x, by)),
            _ => return false,
        }
        true
    }

    pub(super) fn vector_float(&mut self, op: &Operator<'_>) -> bool {
        match op {
            Operator::F32x4Ceil => self.vector_unary(F32X4, |ins, x| ins.ceil(x)),
            Operator::F64x2Ceil => self.vector_unary(F64X2, |ins, x| ins.ceil(x)),
            Operator::F32x4Floor => self.vector_unary(F32X4, |ins, x| ins.floor(x)),
            Operator::F64x2Floor => self.vector_unary(F64X2, |ins, x| ins.floor(x)),
            Operator::F32x4Trunc => self.vector_unary(F32X4, |ins, x| ins.trunc(x)),
            Operator::F64x2Trunc => self.vector_unary(F64X2, |ins, x| ins.trunc(x)),
            Operator::F32x4Nearest => self.vector_unary(F32X4, |ins, x| ins.nearest(x)),
            Operator::F64x2Nearest => self.vector_unary(F64X2, |ins, x| ins.nearest(x)),
            Operator::F32x4Abs => self.vector_unary(F32X4, |ins, x| ins.fabs(x)),
            Operator::F64x2Abs => self.vector_unary(F64X2, |ins, x| ins.fabs(x)),
            Operator::F32x4Neg => self.vector_unary(F32X4, |ins, x| ins.fneg(x)),
            Operator::F64x2Neg => self.vector_unary(F64X2, |ins, x| ins.fneg(x)),
            Operator::F32x4Sqrt => self.vector_unary(F32X4, |ins, x| ins.sqrt(x)),
            Operator::F64x2Sqrt => self.vector_unary(F64X2, |ins, x| ins.sqrt(x)),
            Operator::F32x4Add => self.vector_binary(F32X4, |ins, x, y| ins.fadd(x, y)),
            Operator::F64x2Add => self.vector_binary(F64X2, |ins, x, y| ins.fadd(x, y)),
            Operator::F32x4Sub => self.vector_binary(F32X4, |ins, x, y| ins.fsub(x, y)),
            Operator::F64x2Sub => self.vector_binary(F64X2, |ins, x, y| ins.fsub(x, y)),
            Operator::F32x4Mul => self.vector_binary(F32X4, |ins, x, y| ins.fmul(x, y)),
            Operator::F64x2Mul => self.vector_binary(F64X2, |ins, x, y| ins.fmul(x, y)),
            Operator::F32x4Div => self.vector_binary(F32X4, |ins, x, y| ins.fdiv(x, y)),
            Operator::F64x2Div => self.vector_binary(F64X2, |ins, x, y| ins.fdiv(x, y)),
            Operator::F32x4Min => self.vector_binary(F32X4, |ins, x, y| ins.fmin(x, y)),
            Operator::F64x2Min => self.vector_binary(F64X2, |ins, x, y| ins.fmin(x, y)),
            Operator::F32x4Max => self.vector_binary(F32X4, |ins, x, y| ins.fmax(x, y)),
            Operator::F64x2Max => self.vector_binary(F64X2, |ins, x, y| ins.fmax(x, y)),
            Operator::F32x4PMin => self.pseudo_order(F32X4, FloatCC::LessThan),
            Operator::F64x2PMin => self.pseudo_order(F64X2, FloatCC::LessThan),
            Operator::F32x4PMax => self.pseudo_order(F32X4, FloatCC::GreaterThan),
            Operator::F64x2PMax => self.pseudo_order(F64X2, FloatCC::GreaterThan),
            _ => return false,
        }
        true
    }

    /// The count is an `i32`, taken modulo the width of a lane.
    fn shift_lanes(
        &mut self,
        ty: Type,
        shift: impl FnOnce(FuncInstBuilder<'_, 'a>, Value, Value) -> Value,
    ) {
        let count = self.pop();
        let vector = self.pop_vector(ty);
        let result = shift(self.builder.ins(), vector, count);
        self.push_vector(result);
    }

    /// `pmin` and `pmax`: the second operand where it compares so to the first, else the first.
    fn pseudo_order(&mut self, ty: Type, condition: FloatCC) {
        let second = self.pop_vector(ty);
        let first = self.pop_vector(ty);
        // `pmax` is defined by `first < second`, which is this with the sides exchanged.
        let mask = match condition {
            FloatCC::GreaterThan => self.ins().fcmp(FloatCC::LessThan, first, second),
            _ => self.ins().fcmp(condition, second, first),
        };
        let mask = self.as_lanes(mask, ty);
        let result = self.ins().bitselect(mask, second, first);
        self.push_vector(result);
    }
}
