//! Floating point: arithmetic, comparisons, and conversions from and to integers.

use wasmparser::Operator;

use super::assembler::{Alu, Condition, Float, FloatBits, FloatOp, Gpr, Shift, Width, Xmm};
use super::operand::{Place, XMM_SCRATCH, XMM_SCRATCH_2};
use super::{Baseline, Slow, Type};
use crate::vm::code::TrapCode;

/// How `round` rounds.
const NEAREST: u8 = 0;
const DOWN: u8 = 1;
const UP: u8 = 2;
const TOWARDS_ZERO: u8 = 3;

/// What a conversion to an integer does with what does not fit.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Misfit {
    Traps,
    Saturates,
}

impl Baseline<'_> {
    pub(super) fn float(&mut self, op: &Operator<'_>) -> bool {
        use Operator as O;
        const F32: Type = Type::F32;
        const F64: Type = Type::F64;
        match op {
            O::F32Const { value } => self.push(F32, Place::Constant(u64::from(value.bits()))),
            O::F64Const { value } => self.push(F64, Place::Constant(value.bits())),
            O::F32Add => self.float_op(FloatOp::Add, F32),
            O::F64Add => self.float_op(FloatOp::Add, F64),
            O::F32Sub => self.float_op(FloatOp::Sub, F32),
            O::F64Sub => self.float_op(FloatOp::Sub, F64),
            O::F32Mul => self.float_op(FloatOp::Mul, F32),
            O::F64Mul => self.float_op(FloatOp::Mul, F64),
            O::F32Div => self.float_op(FloatOp::Div, F32),
            O::F64Div => self.float_op(FloatOp::Div, F64),
            O::F32Min => self.least(FloatOp::Min, F32),
            O::F64Min => self.least(FloatOp::Min, F64),
            O::F32Max => self.least(FloatOp::Max, F32),
            O::F64Max => self.least(FloatOp::Max, F64),
            O::F32Sqrt => self.float_unary(F32, |this, x| {
                this.asm.float(FloatOp::Sqrt, Float::Single, x, x);
            }),
            O::F64Sqrt => self.float_unary(F64, |this, x| {
                this.asm.float(FloatOp::Sqrt, Float::Double, x, x);
            }),
            O::F32Ceil => self.round(F32, UP),
            O::F64Ceil => self.round(F64, UP),
            O::F32Floor => self.round(F32, DOWN),
            O::F64Floor => self.round(F64, DOWN),
            O::F32Trunc => self.round(F32, TOWARDS_ZERO),
            O::F64Trunc => self.round(F64, TOWARDS_ZERO),
            O::F32Nearest => self.round(F32, NEAREST),
            O::F64Nearest => self.round(F64, NEAREST),
            O::F32Abs => self.with_sign_bit(F32, FloatBits::And),
            O::F64Abs => self.with_sign_bit(F64, FloatBits::And),
            O::F32Neg => self.with_sign_bit(F32, FloatBits::Xor),
            O::F64Neg => self.with_sign_bit(F64, FloatBits::Xor),
            O::F32Copysign => self.copy_sign(F32),
            O::F64Copysign => self.copy_sign(F64),
            _ => return self.float_comparison(op) || self.float_conversion(op),
        }
        true
    }

    fn float_comparison(&mut self, op: &Operator<'_>) -> bool {
        use Operator as O;
        match op {
            O::F32Eq => self.equal(Type::F32, true),
            O::F64Eq => self.equal(Type::F64, true),
            O::F32Ne => self.equal(Type::F32, false),
            O::F64Ne => self.equal(Type::F64, false),
            // Of what cannot be ordered the processor says that the first is below: so the one that
            // is to be greater comes first.
            O::F32Lt => self.compare_floats(Type::F32, Condition::Above, true),
            O::F64Lt => self.compare_floats(Type::F64, Condition::Above, true),
            O::F32Le => self.compare_floats(Type::F32, Condition::AboveEqual, true),
            O::F64Le => self.compare_floats(Type::F64, Condition::AboveEqual, true),
            O::F32Gt => self.compare_floats(Type::F32, Condition::Above, false),
            O::F64Gt => self.compare_floats(Type::F64, Condition::Above, false),
            O::F32Ge => self.compare_floats(Type::F32, Condition::AboveEqual, false),
            O::F64Ge => self.compare_floats(Type::F64, Condition::AboveEqual, false),
            _ => return false,
        }
        true
    }

    fn float_conversion(&mut self, op: &Operator<'_>) -> bool {
        use Misfit::{Saturates, Traps};
        use Operator as O;
        const F32: Type = Type::F32;
        const F64: Type = Type::F64;
        const I32: Type = Type::I32;
        const I64: Type = Type::I64;
        match op {
            O::F32ConvertI32S => self.convert_int(I32, F32),
            O::F32ConvertI64S => self.convert_int(I64, F32),
            O::F64ConvertI32S => self.convert_int(I32, F64),
            O::F64ConvertI64S => self.convert_int(I64, F64),
            // With zeros above it is a signed number of 64 bits.
            O::F32ConvertI32U => self.convert_int(I64, F32),
            O::F64ConvertI32U => self.convert_int(I64, F64),
            O::F32ConvertI64U => self.convert_unsigned(F32),
            O::F64ConvertI64U => self.convert_unsigned(F64),
            O::F32DemoteF64 => self.convert_float(F64, F32),
            O::F64PromoteF32 => self.convert_float(F32, F64),
            O::I32TruncF32S => self.truncated_i32(F32, true, Traps),
            O::I32TruncF64S => self.truncated_i32(F64, true, Traps),
            O::I32TruncF32U => self.truncated_i32(F32, false, Traps),
            O::I32TruncF64U => self.truncated_i32(F64, false, Traps),
            O::I64TruncF32S => self.truncated_i64(F32, Traps),
            O::I64TruncF64S => self.truncated_i64(F64, Traps),
            O::I64TruncF32U => self.truncated_u64(F32, Traps),
            O::I64TruncF64U => self.truncated_u64(F64, Traps),
            O::I32TruncSatF32S => self.truncated_i32(F32, true, Saturates),
            O::I32TruncSatF64S => self.truncated_i32(F64, true, Saturates),
            O::I32TruncSatF32U => self.truncated_i32(F32, false, Saturates),
            O::I32TruncSatF64U => self.truncated_i32(F64, false, Saturates),
            O::I64TruncSatF32S => self.truncated_i64(F32, Saturates),
            O::I64TruncSatF64S => self.truncated_i64(F64, Saturates),
            O::I64TruncSatF32U => self.truncated_u64(F32, Saturates),
            O::I64TruncSatF64U => self.truncated_u64(F64, Saturates),
            O::I32ReinterpretF32 => self.reinterpret(I32),
            O::I64ReinterpretF64 => self.reinterpret(I64),
            O::F32ReinterpretI32 => self.reinterpret(F32),
            O::F64ReinterpretI64 => self.reinterpret(F64),
            _ => return false,
        }
        true
    }

    fn float_unary(&mut self, ty: Type, change: impl FnOnce(&mut Self, Xmm)) {
        let register = self.pop_xmm();
        change(self, register);
        self.push_xmm(ty, register);
    }

    fn round(&mut self, ty: Type, mode: u8) {
        self.float_unary(ty, |this, x| this.asm.round(ty.float(), x, x, mode));
    }

    fn float_op(&mut self, op: FloatOp, ty: Type) {
        let (right, left) = (self.pop(), self.pop());
        let to = self.take_xmm(left);
        let from = self.float_rm(right);
        self.asm.float(op, ty.float(), to, from);
        self.registers.free(right.place);
        self.push_xmm(ty, to);
    }

    /// `min` and `max`: the processor's give the second operand where one is NaN or both are zero.
    fn least(&mut self, op: FloatOp, ty: Type) {
        let float = ty.float();
        let right = self.pop_xmm();
        let left = self.pop_xmm();
        self.asm.compare_floats(float, left, right);
        let unordered = self.asm.skip_if(Condition::Parity);
        let different = self.asm.skip_if(Condition::NotEqual);
        // Equal ones differ in nothing but the sign of zero.
        let bits = if op == FloatOp::Min { FloatBits::Or } else { FloatBits::And };
        self.asm.float_bits(bits, left, right);
        let done = self.asm.skip();
        self.asm.land(unordered);
        self.asm.float(FloatOp::Add, float, left, right);
        let done_too = self.asm.skip();
        self.asm.land(different);
        self.asm.float(op, float, left, right);
        self.asm.land(done);
        self.asm.land(done_too);
        self.registers.free_xmm(right);
        self.push_xmm(ty, left);
    }

    /// A number with the sign's bit or with all others, in `XMM_SCRATCH`.
    fn mask(&mut self, ty: Type, is_sign: bool) {
        let sign = if ty == Type::F32 { 1 << 31 } else { 1 << 63 };
        let all = if ty == Type::F32 { u64::from(u32::MAX) } else { u64::MAX };
        self.asm.mov_imm(Gpr::R11, if is_sign { sign } else { all ^ sign });
        self.asm.gpr_to_xmm(Width::W64, XMM_SCRATCH, Gpr::R11);
    }

    /// `abs` clears the sign, `neg` inverts it.
    fn with_sign_bit(&mut self, ty: Type, op: FloatBits) {
        self.float_unary(ty, |this, x| {
            this.mask(ty, op == FloatBits::Xor);
            this.asm.float_bits(op, x, XMM_SCRATCH);
        });
    }

    fn copy_sign(&mut self, ty: Type) {
        let sign = self.pop_xmm();
        let value = self.pop_xmm();
        self.mask(ty, false);
        self.asm.float_bits(FloatBits::And, value, XMM_SCRATCH);
        self.mask(ty, true);
        self.asm.float_bits(FloatBits::And, sign, XMM_SCRATCH);
        self.asm.float_bits(FloatBits::Or, value, sign);
        self.registers.free_xmm(sign);
        self.push_xmm(ty, value);
    }

    /// Equality takes two flags, so its result is a number at once.
    fn equal(&mut self, ty: Type, is_equal: bool) {
        let (right, left) = (self.pop(), self.pop());
        let left = self.take_xmm(left);
        let from = self.float_rm(right);
        let result = self.gpr();
        self.asm.compare_floats(ty.float(), left, from);
        let ordered = if is_equal { Condition::NoParity } else { Condition::Parity };
        self.asm.set(ordered, result);
        self.asm.mov_imm(Gpr::R11, u64::from(!is_equal));
        self.asm.cmov(Width::W32, Condition::NotEqual, result, Gpr::R11);
        self.registers.free(right.place);
        self.registers.free_xmm(left);
        self.push_gpr(Type::I32, result);
    }

    fn compare_floats(&mut self, ty: Type, condition: Condition, is_swapped: bool) {
        let (right, left) = (self.pop(), self.pop());
        let (first, second) = if is_swapped { (right, left) } else { (left, right) };
        let first = self.take_xmm(first);
        let from = self.float_rm(second);
        self.asm.compare_floats(ty.float(), first, from);
        self.registers.free(second.place);
        self.registers.free_xmm(first);
        self.push(Type::I32, Place::Flags(condition));
    }

    fn convert_int(&mut self, from: Type, to: Type) {
        let register = self.pop_gpr();
        let result = self.xmm();
        // The conversion keeps the rest of its register, and so would wait for it.
        self.asm.float_bits(FloatBits::Xor, result, result);
        self.asm.int_to_float(to.float(), from.width(), result, register);
        self.registers.free_gpr(register);
        self.push_xmm(to, result);
    }

    /// Half of a number that looks negative is converted, with the bit that is lost kept in the
    /// lowest one for rounding, and doubled.
    fn convert_unsigned(&mut self, to: Type) {
        let register = self.pop_gpr();
        let result = self.xmm();
        let float = to.float();
        self.asm.float_bits(FloatBits::Xor, result, result);
        self.asm.test(Width::W64, register, register);
        let large = self.asm.skip_if(Condition::Sign);
        self.asm.int_to_float(float, Width::W64, result, register);
        let done = self.asm.skip();
        self.asm.land(large);
        self.asm.mov(Width::W64, Gpr::R11, register);
        self.asm.shift_imm(Shift::Shr, Width::W64, register, 1);
        self.asm.alu_imm(Alu::And, Width::W32, Gpr::R11, 1);
        self.asm.alu(Alu::Or, Width::W64, register, Gpr::R11);
        self.asm.int_to_float(float, Width::W64, result, register);
        self.asm.float(FloatOp::Add, float, result, result);
        self.asm.land(done);
        self.registers.free_gpr(register);
        self.push_xmm(to, result);
    }

    fn convert_float(&mut self, from: Type, to: Type) {
        self.float_unary(to, |this, x| this.asm.convert_float(from.float(), x, x));
    }

    fn reinterpret(&mut self, to: Type) {
        let operand = self.pop();
        match operand.place {
            Place::Xmm(from) => {
                let register = self.gpr();
                self.asm.xmm_to_gpr(to.width(), register, from);
                self.registers.free_xmm(from);
                self.push_gpr(to, register);
            }
            Place::Gpr(from) => {
                let register = self.xmm();
                self.asm.gpr_to_xmm(to.width(), register, from);
                self.registers.free_gpr(from);
                self.push_xmm(to, register);
            }
            place => self.push(to, place),
        }
    }

    /// By way of 64 bits, in which all of 32 bits fit: what comes out is compared with its lower half.
    fn truncated_i32(&mut self, from: Type, is_signed: bool, misfit: Misfit) {
        let value = self.pop_xmm();
        let result = self.gpr();
        self.asm.float_to_int(from.float(), Width::W64, result, value);
        if is_signed {
            self.asm.movsx32(Gpr::R11, result);
        } else {
            self.asm.mov(Width::W32, Gpr::R11, result);
        }
        self.asm.alu(Alu::Cmp, Width::W64, Gpr::R11, result);
        let bounds = if is_signed {
            (u64::from(i32::MIN.cast_unsigned()), i32::MAX as u64)
        } else {
            (0, u64::from(u32::MAX))
        };
        self.misfit(Condition::NotEqual, from, value, result, bounds, misfit);
        self.asm.mov(Width::W32, result, result);
        self.registers.free_xmm(value);
        self.push_gpr(Type::I32, result);
    }

    /// The processor gives the least number for all that does not fit, and for itself.
    fn truncated_i64(&mut self, from: Type, misfit: Misfit) {
        let value = self.pop_xmm();
        let result = self.gpr();
        let float = from.float();
        self.asm.float_to_int(float, Width::W64, result, value);
        self.asm.alu_imm(Alu::Cmp, Width::W64, result, 1);
        let fits = self.asm.skip_if(Condition::NoOverflow);
        let least = match from {
            Type::F32 => u64::from((-9_223_372_036_854_775_808_f32).to_bits()),
            _ => (-9_223_372_036_854_775_808_f64).to_bits(),
        };
        self.asm.mov_imm(Gpr::R11, least);
        self.asm.gpr_to_xmm(Width::W64, XMM_SCRATCH, Gpr::R11);
        self.asm.compare_floats(float, value, XMM_SCRATCH);
        let unordered = self.asm.skip_if(Condition::Parity);
        let is_least = self.asm.skip_if(Condition::Equal);
        self.asm.land(unordered);
        let bounds = (i64::MIN.cast_unsigned(), i64::MAX.cast_unsigned());
        self.misfit_now(from, value, result, bounds, misfit);
        self.asm.land(is_least);
        self.asm.land(fits);
        self.registers.free_xmm(value);
        self.push_gpr(Type::I64, result);
    }

    /// What is not below 2^63 is brought down by it and converted without.
    fn truncated_u64(&mut self, from: Type, misfit: Misfit) {
        let value = self.pop_xmm();
        let result = self.gpr();
        let float = from.float();
        let half = match from {
            Type::F32 => u64::from(9_223_372_036_854_775_808_f32.to_bits()),
            _ => 9_223_372_036_854_775_808_f64.to_bits(),
        };
        self.asm.mov_imm(Gpr::R11, half);
        self.asm.gpr_to_xmm(Width::W64, XMM_SCRATCH, Gpr::R11);
        self.asm.movaps(XMM_SCRATCH_2, value);
        self.asm.mov_imm(Gpr::R11, 0);
        self.asm.compare_floats(float, value, XMM_SCRATCH);
        let is_small = self.asm.skip_if(Condition::Below);
        self.asm.float(FloatOp::Sub, float, XMM_SCRATCH_2, XMM_SCRATCH);
        self.asm.mov_imm(Gpr::R11, 1 << 63);
        self.asm.land(is_small);
        self.asm.float_to_int(float, Width::W64, result, XMM_SCRATCH_2);
        self.asm.alu(Alu::Xor, Width::W64, Gpr::R11, result);
        self.asm.test(Width::W64, result, result);
        self.asm.mov(Width::W64, result, Gpr::R11);
        self.misfit(Condition::Sign, from, value, result, (0, u64::MAX), misfit);
        self.registers.free_xmm(value);
        self.push_gpr(Type::I64, result);
    }

    /// If the condition holds, `value` does not fit.
    fn misfit(
        &mut self,
        condition: Condition,
        from: Type,
        value: Xmm,
        result: Gpr,
        bounds: (u64, u64),
        misfit: Misfit,
    ) {
        if misfit == Misfit::Traps {
            let mut slow = self.slow(Slow::Misfit(from.float(), value));
            self.asm.jump_if(condition, &mut slow.label);
            self.slow_paths.push(slow);
            return;
        }
        let is_misfit = self.asm.skip_if(condition);
        let fits = self.asm.skip();
        self.asm.land(is_misfit);
        self.misfit_now(from, value, result, bounds, misfit);
        self.asm.land(fits);
    }

    /// `value` does not fit: NaN becomes 0, the rest the nearest bound, or it traps.
    fn misfit_now(
        &mut self,
        from: Type,
        value: Xmm,
        result: Gpr,
        (least, greatest): (u64, u64),
        misfit: Misfit,
    ) {
        if misfit == Misfit::Traps {
            let mut slow = self.slow(Slow::Misfit(from.float(), value));
            self.asm.jump(&mut slow.label);
            self.slow_paths.push(slow);
            return;
        }
        self.asm.mov_imm(result, 0);
        self.asm.compare_floats(from.float(), value, value);
        let is_nan = self.asm.skip_if(Condition::Parity);
        self.asm.mov_imm(result, greatest);
        self.asm.float_bits(FloatBits::Xor, XMM_SCRATCH, XMM_SCRATCH);
        self.asm.compare_floats(from.float(), value, XMM_SCRATCH);
        let is_above = self.asm.skip_if(Condition::Above);
        self.asm.mov_imm(result, least);
        self.asm.land(is_above);
        self.asm.land(is_nan);
    }

    /// Tells the traps of conversions apart: NaN, and numbers that are too large or too small.
    pub(super) fn misfit_traps(&mut self, float: Float, value: Xmm, wasm_offset: u32) {
        self.asm.compare_floats(float, value, value);
        let is_nan = self.asm.skip_if(Condition::Parity);
        self.trap_here(TrapCode::IntegerOverflow, wasm_offset);
        self.asm.land(is_nan);
        self.trap_here(TrapCode::InvalidConversionToInteger, wasm_offset);
    }
}
