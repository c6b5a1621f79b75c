//! Vectors. On the operand stack, in locals and between functions they are sixteen bytes; each
//! instruction sees them as lanes of its own shape.

mod arithmetic;
mod conversion;
mod memory;
mod relaxed;

use cranelift_codegen::ir::condcodes::{FloatCC, IntCC};
use cranelift_codegen::ir::types::{F32X4, F64X2, I8X16, I16X8, I32, I32X4, I64X2};
use cranelift_codegen::ir::{
    ConstantData, Endianness, InstBuilder, InstructionData, MemFlagsData, Opcode, Type, Value,
};
use cranelift_frontend::FuncInstBuilder;
use wasmparser::Operator;

use super::Translator;

impl<'a> Translator<'a> {
    pub(super) fn simd(&mut self, op: &Operator<'_>) -> bool {
        self.lanes(op)
            || self.vector_memory(op)
            || self.vector_comparison(op)
            || self.vector_integer(op)
            || self.vector_float(op)
            || self.vector_bits(op)
            || self.vector_conversion(op)
            || self.relaxed(op)
    }

    fn lanes(&mut self, op: &Operator<'_>) -> bool {
        match op {
            Operator::V128Const { value } => {
                let value = self.vector_constant(value.bytes());
                self.push(value);
            }
            Operator::I8x16Splat => self.splat(I8X16),
            Operator::I16x8Splat => self.splat(I16X8),
            Operator::I32x4Splat => self.splat(I32X4),
            Operator::I64x2Splat => self.splat(I64X2),
            Operator::F32x4Splat => self.splat(F32X4),
            Operator::F64x2Splat => self.splat(F64X2),
            Operator::I8x16ExtractLaneS { lane } => {
                self.extract_lane(I8X16, *lane);
                self.unary(|ins, x| ins.sextend(I32, x));
            }
            Operator::I8x16ExtractLaneU { lane } => {
                self.extract_lane(I8X16, *lane);
                self.unary(|ins, x| ins.uextend(I32, x));
            }
            Operator::I16x8ExtractLaneS { lane } => {
                self.extract_lane(I16X8, *lane);
                self.unary(|ins, x| ins.sextend(I32, x));
            }
            Operator::I16x8ExtractLaneU { lane } => {
                self.extract_lane(I16X8, *lane);
                self.unary(|ins, x| ins.uextend(I32, x));
            }
            Operator::I32x4ExtractLane { lane } => self.extract_lane(I32X4, *lane),
            Operator::I64x2ExtractLane { lane } => self.extract_lane(I64X2, *lane),
            Operator::F32x4ExtractLane { lane } => self.extract_lane(F32X4, *lane),
            Operator::F64x2ExtractLane { lane } => self.extract_lane(F64X2, *lane),
            Operator::I8x16ReplaceLane { lane } => self.replace_lane(I8X16, *lane),
            Operator::I16x8ReplaceLane { lane } => self.replace_lane(I16X8, *lane),
            Operator::I32x4ReplaceLane { lane } => self.replace_lane(I32X4, *lane),
            Operator::I64x2ReplaceLane { lane } => self.replace_lane(I64X2, *lane),
            Operator::F32x4ReplaceLane { lane } => self.replace_lane(F32X4, *lane),
            Operator::F64x2ReplaceLane { lane } => self.replace_lane(F64X2, *lane),
            Operator::I8x16Shuffle { lanes } => {
                let lanes = self.builder.func.dfg.immediates.push(ConstantData::from(&lanes[..]));
                self.vector_binary(I8X16, |ins, x, y| ins.shuffle(x, y, lanes));
            }
            Operator::I8x16Swizzle => self.vector_binary(I8X16, |ins, x, y| ins.swizzle(x, y)),
            _ => return false,
        }
        true
    }

    fn vector_bits(&mut self, op: &Operator<'_>) -> bool {
        match op {
            Operator::V128Not => self.vector_unary(I8X16, |ins, x| ins.bnot(x)),
            Operator::V128And => self.vector_binary(I8X16, |ins, x, y| ins.band(x, y)),
            Operator::V128AndNot => self.vector_binary(I8X16, |ins, x, y| ins.band_not(x, y)),
            Operator::V128Or => self.vector_binary(I8X16, |ins, x, y| ins.bor(x, y)),
            Operator::V128Xor => self.vector_binary(I8X16, |ins, x, y| ins.bxor(x, y)),
            Operator::V128Bitselect => self.bit_select(I8X16),
            Operator::V128AnyTrue => self.vector_test(I8X16, |ins, x| ins.vany_true(x)),
            Operator::I8x16AllTrue => self.vector_test(I8X16, |ins, x| ins.vall_true(x)),
            Operator::I16x8AllTrue => self.vector_test(I16X8, |ins, x| ins.vall_true(x)),
            Operator::I32x4AllTrue => self.vector_test(I32X4, |ins, x| ins.vall_true(x)),
            Operator::I64x2AllTrue => self.vector_test(I64X2, |ins, x| ins.vall_true(x)),
            Operator::I8x16Bitmask => self.bit_mask(I8X16),
            Operator::I16x8Bitmask => self.bit_mask(I16X8),
            Operator::I32x4Bitmask => self.bit_mask(I32X4),
            Operator::I64x2Bitmask => self.bit_mask(I64X2),
            _ => return false,
        }
        true
    }

    fn vector_comparison(&mut self, op: &Operator<'_>) -> bool {
        use FloatCC as F;
        use IntCC as I;
        match op {
            Operator::I8x16Eq => self.compare_lanes(I8X16, I::Equal),
            Operator::I8x16Ne => self.compare_lanes(I8X16, I::NotEqual),
            Operator::I8x16LtS => self.compare_lanes(I8X16, I::SignedLessThan),
            Operator::I8x16LtU => self.compare_lanes(I8X16, I::UnsignedLessThan),
            Operator::I8x16GtS => self.compare_lanes(I8X16, I::SignedGreaterThan),
            Operator::I8x16GtU => self.compare_lanes(I8X16, I::UnsignedGreaterThan),
            Operator::I8x16LeS => self.compare_lanes(I8X16, I::SignedLessThanOrEqual),
            Operator::I8x16LeU => self.compare_lanes(I8X16, I::UnsignedLessThanOrEqual),
            Operator::I8x16GeS => self.compare_lanes(I8X16, I::SignedGreaterThanOrEqual),
            Operator::I8x16GeU => self.compare_lanes(I8X16, I::UnsignedGreaterThanOrEqual),
            Operator::I16x8Eq => self.compare_lanes(I16X8, I::Equal),
            Operator::I16x8Ne => self.compare_lanes(I16X8, I::NotEqual),
            Operator::I16x8LtS => self.compare_lanes(I16X8, I::SignedLessThan),
            Operator::I16x8LtU => self.compare_lanes(I16X8, I::UnsignedLessThan),
            Operator::I16x8GtS => self.compare_lanes(I16X8, I::SignedGreaterThan),
            Operator::I16x8GtU => self.compare_lanes(I16X8, I::UnsignedGreaterThan),
            Operator::I16x8LeS => self.compare_lanes(I16X8, I::SignedLessThanOrEqual),
            Operator::I16x8LeU => self.compare_lanes(I16X8, I::UnsignedLessThanOrEqual),
            Operator::I16x8GeS => self.compare_lanes(I16X8, I::SignedGreaterThanOrEqual),
            Operator::I16x8GeU => self.compare_lanes(I16X8, I::UnsignedGreaterThanOrEqual),
            Operator::I32x4Eq => self.compare_lanes(I32X4, I::Equal),
            Operator::I32x4Ne => self.compare_lanes(I32X4, I::NotEqual),
            Operator::I32x4LtS => self.compare_lanes(I32X4, I::SignedLessThan),
            Operator::I32x4LtU => self.compare_lanes(I32X4, I::UnsignedLessThan),
            Operator::I32x4GtS => self.compare_lanes(I32X4, I::SignedGreaterThan),
            Operator::I32x4GtU => self.compare_lanes(I32X4, I::UnsignedGreaterThan),
            Operator::I32x4LeS => self.compare_lanes(I32X4, I::SignedLessThanOrEqual),
            Operator::I32x4LeU => self.compare_lanes(I32X4, I::UnsignedLessThanOrEqual),
            Operator::I32x4GeS => self.compare_lanes(I32X4, I::SignedGreaterThanOrEqual),
            Operator::I32x4GeU => self.compare_lanes(I32X4, I::UnsignedGreaterThanOrEqual),
            Operator::I64x2Eq => self.compare_lanes(I64X2, I::Equal),
            Operator::I64x2Ne => self.compare_lanes(I64X2, I::NotEqual),
            Operator::I64x2LtS => self.compare_lanes(I64X2, I::SignedLessThan),
            Operator::I64x2GtS => self.compare_lanes(I64X2, I::SignedGreaterThan),
            Operator::I64x2LeS => self.compare_lanes(I64X2, I::SignedLessThanOrEqual),
            Operator::I64x2GeS => self.compare_lanes(I64X2, I::SignedGreaterThanOrEqual),
            Operator::F32x4Eq => self.compare_float_lanes(F32X4, F::Equal),
            Operator::F32x4Ne => self.compare_float_lanes(F32X4, F::NotEqual),
            Operator::F32x4Lt => self.compare_float_lanes(F32X4, F::LessThan),
            Operator::F32x4Gt => self.compare_float_lanes(F32X4, F::GreaterThan),
            Operator::F32x4Le => self.compare_float_lanes(F32X4, F::LessThanOrEqual),
            Operator::F32x4Ge => self.compare_float_lanes(F32X4, F::GreaterThanOrEqual),
            Operator::F64x2Eq => self.compare_float_lanes(F64X2, F::Equal),
            Operator::F64x2Ne => self.compare_float_lanes(F64X2, F::NotEqual),
            Operator::F64x2Lt => self.compare_float_lanes(F64X2, F::LessThan),
            Operator::F64x2Gt => self.compare_float_lanes(F64X2, F::GreaterThan),
            Operator::F64x2Le => self.compare_float_lanes(F64X2, F::LessThanOrEqual),
            Operator::F64x2Ge => self.compare_float_lanes(F64X2, F::GreaterThanOrEqual),
            _ => return false,
        }
        true
    }

    /// A vector whose bytes are known.
    pub(super) fn vector_constant(&mut self, bytes: &[u8; 16]) -> Value {
        let constant = ConstantData::from(&bytes[..]);
        let constant = self.builder.func.dfg.constants.insert(constant);
        self.ins().vconst(I8X16, constant)
    }

    /// Pops a vector as lanes of type `ty`.
    fn pop_vector(&mut self, ty: Type) -> Value {
        let value = self.pop();
        self.as_lanes(value, ty)
    }

    fn push_vector(&mut self, value: Value) {
        let value = self.as_lanes(value, I8X16);
        self.push(value);
    }

    /// The same bits in another shape. Where the value's origin is known in that shape, that is
    /// taken: the selection of instructions does not look through changes of shape.
    fn as_lanes(&mut self, value: Value, ty: Type) -> Value {
        let dfg = &self.builder.func.dfg;
        if dfg.value_type(value) == ty {
            return value;
        }
        if let Some(inst) = dfg.value_def(value).inst() {
            match dfg.insts[inst] {
                InstructionData::LoadNoOffset { opcode: Opcode::Bitcast, arg, .. }
                    if dfg.value_type(arg) == ty =>
                {
                    return arg;
                }
                InstructionData::UnaryConst { opcode: Opcode::Vconst, constant_handle } => {
                    return self.ins().vconst(ty, constant_handle);
                }
                _ => {}
            }
        }
        let flags = MemFlagsData::new().with_endianness(Endianness::Little);
        self.ins().bitcast(ty, flags, value)
    }

    fn vector_unary(
        &mut self,
        ty: Type,
        make: impl FnOnce(FuncInstBuilder<'_, 'a>, Value) -> Value,
    ) {
        let operand = self.pop_vector(ty);
        let result = make(self.builder.ins(), operand);
        self.push_vector(result);
    }

    fn vector_binary(
        &mut self,
        ty: Type,
        make: impl FnOnce(FuncInstBuilder<'_, 'a>, Value, Value) -> Value,
    ) {
        let right = self.pop_vector(ty);
        let left = self.pop_vector(ty);
        let result = make(self.builder.ins(), left, right);
        self.push_vector(result);
    }

    fn vector_test(
        &mut self,
        ty: Type,
        make: impl FnOnce(FuncInstBuilder<'_, 'a>, Value) -> Value,
    ) {
        let operand = self.pop_vector(ty);
        let truth = make(self.builder.ins(), operand);
        self.push_truth(truth);
    }

    fn splat(&mut self, ty: Type) {
        let scalar = self.pop();
        let scalar = self.lane(scalar, ty);
        let vector = self.ins().splat(ty, scalar);
        self.push_vector(vector);
    }

    /// A wasm scalar as a lane of `ty`: the low bits of an `i32` where lanes are narrower.
    fn lane(&mut self, scalar: Value, ty: Type) -> Value {
        let lane = ty.lane_type();
        if lane.bits() < self.builder.func.dfg.value_type(scalar).bits() {
            self.ins().ireduce(lane, scalar)
        } else {
            scalar
        }
    }

    fn extract_lane(&mut self, ty: Type, lane: u8) {
        let vector = self.pop_vector(ty);
        let scalar = self.ins().extractlane(vector, lane);
        self.push(scalar);
    }

    fn replace_lane(&mut self, ty: Type, lane: u8) {
        let scalar = self.pop();
        let scalar = self.lane(scalar, ty);
        let vector = self.pop_vector(ty);
        let vector = self.ins().insertlane(vector, scalar, lane);
        self.push_vector(vector);
    }

    fn bit_mask(&mut self, ty: Type) {
        let vector = self.pop_vector(ty);
        let mask = self.ins().vhigh_bits(I32, vector);
        self.push(mask);
    }

    /// `(where one, where zero, mask)`
    fn bit_select(&mut self, ty: Type) {
        let mask = self.pop_vector(ty);
        let zero = self.pop_vector(ty);
        let one = self.pop_vector(ty);
        let result = self.ins().bitselect(mask, one, zero);
        self.push_vector(result);
    }

    fn compare_lanes(&mut self, ty: Type, condition: IntCC) {
        self.vector_binary(ty, |ins, x, y| ins.icmp(condition, x, y));
    }

    fn compare_float_lanes(&mut self, ty: Type, condition: FloatCC) {
        self.vector_binary(ty, |ins, x, y| ins.fcmp(condition, x, y));
    }
}
