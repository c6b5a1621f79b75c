//! Loads and stores of vectors and of single lanes.

use cranelift_codegen::ir::types::{I8X16, I16X8, I32X4, I64X2};
use cranelift_codegen::ir::{InstBuilder, Type};
use wasmparser::{MemArg, Operator};

use super::Translator;

impl Translator<'_> {
    pub(super) fn vector_memory(&mut self, op: &Operator<'_>) -> bool {
        match op {
            Operator::V128Load { memarg } => self.load(memarg, I8X16),
            Operator::V128Store { memarg } => self.store(memarg, 16),
            Operator::V128Load8x8S { .. }
            | Operator::V128Load8x8U { .. }
            | Operator::V128Load16x4S { .. }
            | Operator::V128Load16x4U { .. }
            | Operator::V128Load32x2S { .. }
            | Operator::V128Load32x2U { .. } => self.load_and_extend(op),
            Operator::V128Load8Splat { memarg } => self.load_and_splat(memarg, I8X16),
            Operator::V128Load16Splat { memarg } => self.load_and_splat(memarg, I16X8),
            Operator::V128Load32Splat { memarg } => self.load_and_splat(memarg, I32X4),
            Operator::V128Load64Splat { memarg } => self.load_and_splat(memarg, I64X2),
            Operator::V128Load32Zero { memarg } => self.load_lowest(memarg, I32X4),
            Operator::V128Load64Zero { memarg } => self.load_lowest(memarg, I64X2),
            Operator::V128Load8Lane { memarg, lane } => self.load_lane(memarg, I8X16, *lane),
            Operator::V128Load16Lane { memarg, lane } => self.load_lane(memarg, I16X8, *lane),
            Operator::V128Load32Lane { memarg, lane } => self.load_lane(memarg, I32X4, *lane),
            Operator::V128Load64Lane { memarg, lane } => self.load_lane(memarg, I64X2, *lane),
            Operator::V128Store8Lane { memarg, lane } => self.store_lane(memarg, I8X16, *lane),
            Operator::V128Store16Lane { memarg, lane } => self.store_lane(memarg, I16X8, *lane),
            Operator::V128Store32Lane { memarg, lane } => self.store_lane(memarg, I32X4, *lane),
            Operator::V128Store64Lane { memarg, lane } => self.store_lane(memarg, I64X2, *lane),
            _ => return false,
        }
        true
    }

    fn load_and_extend(&mut self, op: &Operator<'_>) {
        let (Operator::V128Load8x8S { memarg }
        | Operator::V128Load8x8U { memarg }
        | Operator::V128Load16x4S { memarg }
        | Operator::V128Load16x4U { memarg }
        | Operator::V128Load32x2S { memarg }
        | Operator::V128Load32x2U { memarg }) = op
        else {
            unreachable!("the caller looked");
        };
        let at = self.access(memarg, 8);
        let ins = self.builder.ins();
        let vector = match op {
            Operator::V128Load8x8S { .. } => ins.sload8x8(at.flags, at.address, at.offset),
            Operator::V128Load8x8U { .. } => ins.uload8x8(at.flags, at.address, at.offset),
            Operator::V128Load16x4S { .. } => ins.sload16x4(at.flags, at.address, at.offset),
            Operator::V128Load16x4U { .. } => ins.uload16x4(at.flags, at.address, at.offset),
            Operator::V128Load32x2S { .. } => ins.sload32x2(at.flags, at.address, at.offset),
            _ => ins.uload32x2(at.flags, at.address, at.offset),
        };
        self.push_vector(vector);
    }

    fn load_and_splat(&mut self, memarg: &MemArg, ty: Type) {
        self.load(memarg, ty.lane_type());
        let scalar = self.pop();
        let vector = self.ins().splat(ty, scalar);
        self.push_vector(vector);
    }

    /// The other lanes become zero.
    fn load_lowest(&mut self, memarg: &MemArg, ty: Type) {
        self.load(memarg, ty.lane_type());
        let scalar = self.pop();
        let vector = self.ins().scalar_to_vector(ty, scalar);
        self.push_vector(vector);
    }

    fn load_lane(&mut self, memarg: &MemArg, ty: Type, lane: u8) {
        let vector = self.pop_vector(ty);
        self.load(memarg, ty.lane_type());
        let scalar = self.pop();
        let vector = self.ins().insertlane(vector, scalar, lane);
        self.push_vector(vector);
    }

    fn store_lane(&mut self, memarg: &MemArg, ty: Type, lane: u8) {
        let vector = self.pop_vector(ty);
        let scalar = self.ins().extractlane(vector, lane);
        let at = self.access(memarg, ty.lane_type().bytes());
        self.ins().store(at.flags, scalar, at.address, at.offset);
    }
}
