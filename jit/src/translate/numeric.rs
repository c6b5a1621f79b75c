//! Numbers: constants, arithmetic, comparisons, conversions.

use cranelift_codegen::ir::condcodes::{FloatCC, IntCC};
use cranelift_codegen::ir::immediates::{Ieee32, Ieee64};
use cranelift_codegen::ir::types::{F32, F64, I8, I16, I32, I64, I128};
use cranelift_codegen::ir::{InstBuilder, MemFlagsData, Type, Value};
use wasmparser::Operator;

use super::Translator;

impl Translator<'_> {
    pub(super) fn numeric(&mut self, op: &Operator<'_>) -> bool {
        self.integer(op) || self.comparison(op) || self.float(op) || self.conversion(op)
    }

    fn integer(&mut self, op: &Operator<'_>) -> bool {
        match op {
            Operator::I32Const { value } => {
                let value = self.imm32(value.cast_unsigned());
                self.push(value);
            }
            Operator::I64Const { value } => {
                let value = self.ins().iconst(I64, *value);
                self.push(value);
            }
            Operator::I32Clz | Operator::I64Clz => self.unary(|ins, x| ins.clz(x)),
            Operator::I32Ctz | Operator::I64Ctz => self.unary(|ins, x| ins.ctz(x)),
            Operator::I32Popcnt | Operator::I64Popcnt => self.unary(|ins, x| ins.popcnt(x)),
            Operator::I32Add | Operator::I64Add => self.binary(|ins, x, y| ins.iadd(x, y)),
            Operator::I32Sub | Operator::I64Sub => self.binary(|ins, x, y| ins.isub(x, y)),
            Operator::I32Mul | Operator::I64Mul => self.binary(|ins, x, y| ins.imul(x, y)),
            Operator::I32DivS | Operator::I64DivS => self.binary(|ins, x, y| ins.sdiv(x, y)),
            Operator::I32DivU | Operator::I64DivU => self.binary(|ins, x, y| ins.udiv(x, y)),
            Operator::I32RemS | Operator::I64RemS => self.binary(|ins, x, y| ins.srem(x, y)),
            Operator::I32RemU | Operator::I64RemU => self.binary(|ins, x, y| ins.urem(x, y)),
            Operator::I32And | Operator::I64And => self.binary(|ins, x, y| ins.band(x, y)),
            Operator::I32Or | Operator::I64Or => self.binary(|ins, x, y| ins.bor(x, y)),
            Operator::I32Xor | Operator::I64Xor => self.binary(|ins, x, y| ins.bxor(x, y)),
            // Both take the count modulo the width.
            Operator::I32Shl | Operator::I64Shl => self.binary(|ins, x, y| ins.ishl(x, y)),
            Operator::I32ShrS | Operator::I64ShrS => self.binary(|ins, x, y| ins.sshr(x, y)),
            Operator::I32ShrU | Operator::I64ShrU => self.binary(|ins, x, y| ins.ushr(x, y)),
            Operator::I32Rotl | Operator::I64Rotl => self.binary(|ins, x, y| ins.rotl(x, y)),
            Operator::I32Rotr | Operator::I64Rotr => self.binary(|ins, x, y| ins.rotr(x, y)),
            Operator::I64Add128 => self.wide_sum(|ins, x, y| ins.iadd(x, y)),
            Operator::I64Sub128 => self.wide_sum(|ins, x, y| ins.isub(x, y)),
            Operator::I64MulWideS => self.wide_product(|ins, x| ins.sextend(I128, x)),
            Operator::I64MulWideU => self.wide_product(|ins, x| ins.uextend(I128, x)),
            _ => return false,
        }
        true
    }

    fn comparison(&mut self, op: &Operator<'_>) -> bool {
        match op {
            Operator::I32Eqz | Operator::I64Eqz => self.test_zero(),
            Operator::I32Eq | Operator::I64Eq => self.compare(IntCC::Equal),
            Operator::I32Ne | Operator::I64Ne => self.compare(IntCC::NotEqual),
            Operator::I32LtS | Operator::I64LtS => self.compare(IntCC::SignedLessThan),
            Operator::I32LtU | Operator::I64LtU => self.compare(IntCC::UnsignedLessThan),
            Operator::I32GtS | Operator::I64GtS => self.compare(IntCC::SignedGreaterThan),
            Operator::I32GtU | Operator::I64GtU => self.compare(IntCC::UnsignedGreaterThan),
            Operator::I32LeS | Operator::I64LeS => self.compare(IntCC::SignedLessThanOrEqual),
            Operator::I32LeU | Operator::I64LeU => self.compare(IntCC::UnsignedLessThanOrEqual),
            Operator::I32GeS | Operator::I64GeS => self.compare(IntCC::SignedGreaterThanOrEqual),
            Operator::I32GeU | Operator::I64GeU => self.compare(IntCC::UnsignedGreaterThanOrEqual),
            Operator::F32Eq | Operator::F64Eq => self.compare_floats(FloatCC::Equal),
            Operator::F32Ne | Operator::F64Ne => self.compare_floats(FloatCC::NotEqual),
            Operator::F32Lt | Operator::F64Lt => self.compare_floats(FloatCC::LessThan),
            Operator::F32Gt | Operator::F64Gt => self.compare_floats(FloatCC::GreaterThan),
            Operator::F32Le | Operator::F64Le => self.compare_floats(FloatCC::LessThanOrEqual),
            Operator::F32Ge | Operator::F64Ge => self.compare_floats(FloatCC::GreaterThanOrEqual),
            _ => return false,
        }
        true
    }

    fn float(&mut self, op: &Operator<'_>) -> bool {
        match op {
            Operator::F32Const { value } => {
                let value = self.ins().f32const(Ieee32::with_bits(value.bits()));
                self.push(value);
            }
            Operator::F64Const { value } => {
                let value = self.ins().f64const(Ieee64::with_bits(value.bits()));
                self.push(value);
            }
            Operator::F32Abs | Operator::F64Abs => self.unary(|ins, x| ins.fabs(x)),
            Operator::F32Neg | Operator::F64Neg => self.unary(|ins, x| ins.fneg(x)),
            Operator::F32Ceil | Operator::F64Ceil => self.unary(|ins, x| ins.ceil(x)),
            Operator::F32Floor | Operator::F64Floor => self.unary(|ins, x| ins.floor(x)),
            Operator::F32Trunc | Operator::F64Trunc => self.unary(|ins, x| ins.trunc(x)),
            Operator::F32Nearest | Operator::F64Nearest => self.unary(|ins, x| ins.nearest(x)),
            Operator::F32Sqrt | Operator::F64Sqrt => self.unary(|ins, x| ins.sqrt(x)),
            Operator::F32Add | Operator::F64Add => self.binary(|ins, x, y| ins.fadd(x, y)),
            Operator::F32Sub | Operator::F64Sub => self.binary(|ins, x, y| ins.fsub(x, y)),
            Operator::F32Mul | Operator::F64Mul => self.binary(|ins, x, y| ins.fmul(x, y)),
            Operator::F32Div | Operator::F64Div => self.binary(|ins, x, y| ins.fdiv(x, y)),
            Operator::F32Min | Operator::F64Min => self.binary(|ins, x, y| ins.fmin(x, y)),
            Operator::F32Max | Operator::F64Max => self.binary(|ins, x, y| ins.fmax(x, y)),
            Operator::F32Copysign | Operator::F64Copysign => {
                self.binary(|ins, x, y| ins.fcopysign(x, y));
            }
            _ => return false,
        }
        true
    }

    fn conversion(&mut self, op: &Operator<'_>) -> bool {
        match op {
            Operator::I32WrapI64 => self.unary(|ins, x| ins.ireduce(I32, x)),
            Operator::I64ExtendI32S => self.unary(|ins, x| ins.sextend(I64, x)),
            Operator::I64ExtendI32U => self.unary(|ins, x| ins.uextend(I64, x)),
            Operator::I32Extend8S => self.extend_part(I8, I32),
            Operator::I32Extend16S => self.extend_part(I16, I32),
            Operator::I64Extend8S => self.extend_part(I8, I64),
            Operator::I64Extend16S => self.extend_part(I16, I64),
            Operator::I64Extend32S => self.extend_part(I32, I64),
            Operator::I32TruncF32S | Operator::I32TruncF64S => {
                self.unary(|ins, x| ins.fcvt_to_sint(I32, x));
            }
            Operator::I32TruncF32U | Operator::I32TruncF64U => {
                self.unary(|ins, x| ins.fcvt_to_uint(I32, x));
            }
            Operator::I64TruncF32S | Operator::I64TruncF64S => {
                self.unary(|ins, x| ins.fcvt_to_sint(I64, x));
            }
            Operator::I64TruncF32U | Operator::I64TruncF64U => {
                self.unary(|ins, x| ins.fcvt_to_uint(I64, x));
            }
            Operator::I32TruncSatF32S | Operator::I32TruncSatF64S => {
                self.unary(|ins, x| ins.fcvt_to_sint_sat(I32, x));
            }
            Operator::I32TruncSatF32U | Operator::I32TruncSatF64U => {
                self.unary(|ins, x| ins.fcvt_to_uint_sat(I32, x));
            }
            Operator::I64TruncSatF32S | Operator::I64TruncSatF64S => {
                self.unary(|ins, x| ins.fcvt_to_sint_sat(I64, x));
            }
            Operator::I64TruncSatF32U | Operator::I64TruncSatF64U => {
                self.unary(|ins, x| ins.fcvt_to_uint_sat(I64, x));
            }
            Operator::F32ConvertI32S | Operator::F32ConvertI64S => {
                self.unary(|ins, x| ins.fcvt_from_sint(F32, x));
            }
            Operator::F32ConvertI32U | Operator::F32ConvertI64U => {
                self.unary(|ins, x| ins.fcvt_from_uint(F32, x));
            }
            Operator::F64ConvertI32S | Operator::F64ConvertI64S => {
                self.unary(|ins, x| ins.fcvt_from_sint(F64, x));
            }
            Operator::F64ConvertI32U | Operator::F64ConvertI64U => {
                self.unary(|ins, x| ins.fcvt_from_uint(F64, x));
            }
            Operator::F32DemoteF64 => self.unary(|ins, x| ins.fdemote(F32, x)),
            Operator::F64PromoteF32 => self.unary(|ins, x| ins.fpromote(F64, x)),
            Operator::I32ReinterpretF32 => self.reinterpret(I32),
            Operator::I64ReinterpretF64 => self.reinterpret(I64),
            Operator::F32ReinterpretI32 => self.reinterpret(F32),
            Operator::F64ReinterpretI64 => self.reinterpret(F64),
            _ => return false,
        }
        true
    }

    /// 1 if the operand's bits are all zero, else 0.
    pub(super) fn test_zero(&mut self) {
        let operand = self.pop();
        let is_zero = self.ins().icmp_imm_u(IntCC::Equal, operand, 0);
        self.push_truth(is_zero);
        self.facts.note_opposite(self.peek_n(1)[0], operand);
    }

    fn compare(&mut self, condition: IntCC) {
        let (left, right) = self.pop2();
        let truth = self.ins().icmp(condition, left, right);
        self.push_truth(truth);
    }

    fn compare_floats(&mut self, condition: FloatCC) {
        let (left, right) = self.pop2();
        let truth = self.ins().fcmp(condition, left, right);
        self.push_truth(truth);
    }

    /// Wasm has truth values as `i32`.
    pub(super) fn push_truth(&mut self, truth: Value) {
        let truth = self.ins().uextend(I32, truth);
        self.push(truth);
    }

    fn extend_part(&mut self, part: Type, whole: Type) {
        self.unary(|ins, x| ins.ireduce(part, x));
        self.unary(|ins, x| ins.sextend(whole, x));
    }

    fn reinterpret(&mut self, ty: Type) {
        self.unary(|ins, x| ins.bitcast(ty, MemFlagsData::new(), x));
    }

    /// `(low, high, low, high) -> (low, high)`
    fn wide_sum(
        &mut self,
        sum: impl FnOnce(cranelift_frontend::FuncInstBuilder<'_, '_>, Value, Value) -> Value,
    ) {
        let (low, high) = self.pop2();
        let right = self.ins().iconcat(low, high);
        let (low, high) = self.pop2();
        let left = self.ins().iconcat(low, high);
        let sum = sum(self.builder.ins(), left, right);
        self.push_halves(sum);
    }

    /// `(left, right) -> (low, high)`
    fn wide_product(
        &mut self,
        extend: impl Fn(cranelift_frontend::FuncInstBuilder<'_, '_>, Value) -> Value,
    ) {
        let (left, right) = self.pop2();
        let left = extend(self.builder.ins(), left);
        let right = extend(self.builder.ins(), right);
        let product = self.ins().imul(left, right);
        self.push_halves(product);
    }

    fn push_halves(&mut self, value: Value) {
        let (low, high) = self.ins().isplit(value);
        self.push(low);
        self.push(high);
    }
}
