//! Integers: arithmetic, comparisons, and conversions between them.

use wasmparser::Operator;

use super::assembler::{Alu, Condition, Gpr, Rm, Shift, Width};
use super::operand::{Operand, Place, immediate};
use super::{Baseline, Slow, Type, Unsupported};
use crate::vm::code::TrapCode;

/// Opcodes of what counts bits.
const LZCNT: u8 = 0xbd;
const TZCNT: u8 = 0xbc;
const POPCNT: u8 = 0xb8;

impl Baseline<'_> {
    pub(super) fn integer(&mut self, op: &Operator<'_>) -> Result<bool, Unsupported> {
        use Operator as O;
        match op {
            O::I32Const { value } => {
                self.push(Type::I32, Place::Constant(u64::from(value.cast_unsigned())));
            }
            O::I64Const { value } => self.push(Type::I64, Place::Constant(value.cast_unsigned())),
            O::I32Add => self.alu(Alu::Add, Type::I32),
            O::I64Add => self.alu(Alu::Add, Type::I64),
            O::I32Sub => self.alu(Alu::Sub, Type::I32),
            O::I64Sub => self.alu(Alu::Sub, Type::I64),
            O::I32And => self.alu(Alu::And, Type::I32),
            O::I64And => self.alu(Alu::And, Type::I64),
            O::I32Or => self.alu(Alu::Or, Type::I32),
            O::I64Or => self.alu(Alu::Or, Type::I64),
            O::I32Xor => self.alu(Alu::Xor, Type::I32),
            O::I64Xor => self.alu(Alu::Xor, Type::I64),
            O::I32Mul => self.multiply(Type::I32),
            O::I64Mul => self.multiply(Type::I64),
            O::I32DivS => self.divide(Type::I32, true, false),
            O::I64DivS => self.divide(Type::I64, true, false),
            O::I32DivU => self.divide(Type::I32, false, false),
            O::I64DivU => self.divide(Type::I64, false, false),
            O::I32RemS => self.divide(Type::I32, true, true),
            O::I64RemS => self.divide(Type::I64, true, true),
            O::I32RemU => self.divide(Type::I32, false, true),
            O::I64RemU => self.divide(Type::I64, false, true),
            O::I32Shl => self.shift(Shift::Shl, Type::I32),
            O::I64Shl => self.shift(Shift::Shl, Type::I64),
            O::I32ShrS => self.shift(Shift::Sar, Type::I32),
            O::I64ShrS => self.shift(Shift::Sar, Type::I64),
            O::I32ShrU => self.shift(Shift::Shr, Type::I32),
            O::I64ShrU => self.shift(Shift::Shr, Type::I64),
            O::I32Rotl => self.shift(Shift::Rol, Type::I32),
            O::I64Rotl => self.shift(Shift::Rol, Type::I64),
            O::I32Rotr => self.shift(Shift::Ror, Type::I32),
            O::I64Rotr => self.shift(Shift::Ror, Type::I64),
            O::I32Clz => self.count(LZCNT, Type::I32)?,
            O::I64Clz => self.count(LZCNT, Type::I64)?,
            O::I32Ctz => self.count(TZCNT, Type::I32)?,
            O::I64Ctz => self.count(TZCNT, Type::I64)?,
            O::I32Popcnt => self.count(POPCNT, Type::I32)?,
            O::I64Popcnt => self.count(POPCNT, Type::I64)?,
            _ => return Ok(self.integer_comparison(op) || self.integer_conversion(op)),
        }
        Ok(true)
    }

    fn integer_comparison(&mut self, op: &Operator<'_>) -> bool {
        use Operator as O;
        let (condition, ty) = match op {
            O::I32Eqz | O::I64Eqz => {
                self.test_zero();
                return true;
            }
            O::I32Eq => (Condition::Equal, Type::I32),
            O::I64Eq => (Condition::Equal, Type::I64),
            O::I32Ne => (Condition::NotEqual, Type::I32),
            O::I64Ne => (Condition::NotEqual, Type::I64),
            O::I32LtS => (Condition::Less, Type::I32),
            O::I64LtS => (Condition::Less, Type::I64),
            O::I32LtU => (Condition::Below, Type::I32),
            O::I64LtU => (Condition::Below, Type::I64),
            O::I32GtS => (Condition::Greater, Type::I32),
            O::I64GtS => (Condition::Greater, Type::I64),
            O::I32GtU => (Condition::Above, Type::I32),
            O::I64GtU => (Condition::Above, Type::I64),
            O::I32LeS => (Condition::LessEqual, Type::I32),
            O::I64LeS => (Condition::LessEqual, Type::I64),
            O::I32LeU => (Condition::BelowEqual, Type::I32),
            O::I64LeU => (Condition::BelowEqual, Type::I64),
            O::I32GeS => (Condition::GreaterEqual, Type::I32),
            O::I64GeS => (Condition::GreaterEqual, Type::I64),
            O::I32GeU => (Condition::AboveEqual, Type::I32),
            O::I64GeU => (Condition::AboveEqual, Type::I64),
            _ => return false,
        };
        self.compare(condition, ty);
        true
    }

    fn integer_conversion(&mut self, op: &Operator<'_>) -> bool {
        use Operator as O;
        match op {
            O::I32WrapI64 => self.wrap(),
            O::I64ExtendI32U => {
                let register = self.pop_gpr();
                self.push_gpr(Type::I64, register);
            }
            O::I64ExtendI32S | O::I64Extend32S => {
                self.extend(Type::I64, |this, to, from| this.asm.movsx32(to, from));
            }
            O::I32Extend8S => {
                self.extend(Type::I32, |this, to, from| this.asm.movsx8(Width::W32, to, from));
            }
            O::I32Extend16S => {
                self.extend(Type::I32, |this, to, from| this.asm.movsx16(Width::W32, to, from));
            }
            O::I64Extend8S => {
                self.extend(Type::I64, |this, to, from| this.asm.movsx8(Width::W64, to, from));
            }
            O::I64Extend16S => {
                self.extend(Type::I64, |this, to, from| this.asm.movsx16(Width::W64, to, from));
            }
            _ => return false,
        }
        true
    }

    fn wrap(&mut self) {
        let operand = self.pop();
        let place = match operand.place {
            Place::Constant(value) => Place::Constant(value & u64::from(u32::MAX)),
            Place::Gpr(register) => {
                self.asm.mov(Width::W32, register, register);
                place_of(register)
            }
            // The lower half stands first in memory.
            place => place,
        };
        self.push(Type::I32, place);
    }

    fn extend(&mut self, ty: Type, extend: impl FnOnce(&mut Self, Gpr, Rm)) {
        let operand = self.pop();
        let from = match self.rm(operand.place) {
            Some(from) => from,
            None => self.take(operand).into(),
        };
        let to = match from {
            Rm::Reg(register) => Gpr(register),
            Rm::Mem(_) => self.gpr(),
        };
        extend(self, to, from);
        self.push_gpr(ty, to);
    }

    fn alu(&mut self, op: Alu, ty: Type) {
        let (right, left) = (self.pop(), self.pop());
        if let (Place::Constant(left), Place::Constant(right)) = (left.place, right.place) {
            let value = match op {
                Alu::Add => left.wrapping_add(right),
                Alu::Sub => left.wrapping_sub(right),
                Alu::And => left & right,
                Alu::Or => left | right,
                Alu::Xor => left ^ right,
                Alu::Cmp => unreachable!("comparisons go another way"),
            };
            let mask = if ty == Type::I32 { u64::from(u32::MAX) } else { u64::MAX };
            return self.push(ty, Place::Constant(value & mask));
        }
        // Whatever is in a register already is what changes, where the order does not matter.
        let is_swapped = op != Alu::Sub
            && !matches!(left.place, Place::Gpr(_))
            && (matches!(right.place, Place::Gpr(_)) || matches!(left.place, Place::Constant(_)));
        let (left, right) = if is_swapped { (right, left) } else { (left, right) };
        let to = self.take(left);
        self.alu_with(op, ty, to, right);
        self.push_gpr(ty, to);
    }

    /// `to = to op right`, which is given up.
    fn alu_with(&mut self, op: Alu, ty: Type, to: Gpr, right: Operand) {
        let width = ty.width();
        match right.place {
            Place::Constant(value) => match immediate(width, value) {
                Some(value) => self.asm.alu_imm(op, width, to, value),
                None => {
                    self.asm.mov_imm(Gpr::R11, value);
                    self.asm.alu(op, width, to, Gpr::R11);
                }
            },
            place => {
                let from = self.rm(place).expect("conditions were settled");
                self.asm.alu(op, width, to, from);
                self.registers.free(place);
            }
        }
    }

    fn multiply(&mut self, ty: Type) {
        let (right, left) = (self.pop(), self.pop());
        let is_swapped = matches!(right.place, Place::Gpr(_));
        let (left, right) = if is_swapped { (right, left) } else { (left, right) };
        let to = self.take(left);
        let width = ty.width();
        match right.place {
            Place::Constant(value) => match immediate(width, value) {
                Some(value) => self.asm.imul_imm(width, to, to, value),
                None => {
                    self.asm.mov_imm(Gpr::R11, value);
                    self.asm.imul(width, to, Gpr::R11);
                }
            },
            place => {
                let from = self.rm(place).expect("conditions were settled");
                self.asm.imul(width, to, from);
                self.registers.free(place);
            }
        }
        self.push_gpr(ty, to);
    }

    fn divide(&mut self, ty: Type, is_signed: bool, is_remainder: bool) {
        let (right, left) = (self.pop(), self.pop());
        let width = ty.width();
        self.evict(Gpr::RAX);
        self.evict(Gpr::RDX);
        self.load_into(Gpr::R11, right);
        self.registers.free(right.place);
        self.load_into(Gpr::RAX, left);
        self.registers.free(left.place);
        self.asm.test(width, Gpr::R11, Gpr::R11);
        self.trap_if(Condition::Equal, TrapCode::IntegerDivideByZero);
        let mut done = None;
        if is_signed {
            // The processor traps where the quotient has no representation.
            self.asm.alu_imm(Alu::Cmp, width, Gpr::R11, -1);
            let usual = self.asm.skip_if(Condition::NotEqual);
            if is_remainder {
                self.asm.mov_imm(Gpr::RDX, 0);
            } else {
                self.asm.mov_imm(Gpr::RDX, 0);
                self.asm.alu(Alu::Sub, width, Gpr::RDX, Gpr::RAX);
                self.trap_if(Condition::Overflow, TrapCode::IntegerOverflow);
                self.asm.mov(width, Gpr::RAX, Gpr::RDX);
            }
            done = Some(self.asm.skip());
            self.asm.land(usual);
            self.asm.sign_into_rdx(width);
        } else {
            self.asm.mov_imm(Gpr::RDX, 0);
        }
        self.asm.div(width, Gpr::R11, is_signed);
        if let Some(done) = done {
            self.asm.land(done);
        }
        self.push_gpr(ty, if is_remainder { Gpr::RDX } else { Gpr::RAX });
    }

    fn shift(&mut self, op: Shift, ty: Type) {
        let (count, mut value) = (self.pop(), self.pop());
        if let Place::Constant(count) = count.place {
            let to = self.take(value);
            // The processor takes it modulo the width too.
            self.asm.shift_imm(op, ty.width(), to, count as u8);
            return self.push_gpr(ty, to);
        }
        if count.place != Place::Gpr(Gpr::RCX) {
            self.evict(Gpr::RCX);
            if value.place == Place::Gpr(Gpr::RCX) {
                // rcx is the value's: no other register can be given out as it.
                let register = self.gpr();
                self.asm.mov(ty.width(), register, Gpr::RCX);
                value.place = place_of(register);
            }
            self.registers.use_gpr(Gpr::RCX);
            self.load_into(Gpr::RCX, count);
            self.registers.free(count.place);
        }
        let to = self.take(value);
        self.asm.shift(op, ty.width(), to);
        self.registers.free_gpr(Gpr::RCX);
        self.push_gpr(ty, to);
    }

    fn count(&mut self, opcode: u8, ty: Type) -> Result<(), Unsupported> {
        let features = self.features;
        let is_there = match opcode {
            LZCNT => features.has_lzcnt,
            TZCNT => features.has_bmi1,
            _ => features.has_popcnt,
        };
        if !is_there {
            return Err(Unsupported);
        }
        let to = self.pop_gpr();
        self.asm.count_bits(opcode, ty.width(), to, to);
        self.push_gpr(ty, to);
        Ok(())
    }

    fn compare(&mut self, condition: Condition, ty: Type) {
        let (right, left) = (self.pop(), self.pop());
        let width = ty.width();
        let immediate = match right.place {
            Place::Constant(value) => immediate(width, value),
            _ => None,
        };
        match (self.rm(left.place), immediate) {
            (Some(left), Some(right)) => self.asm.alu_imm(Alu::Cmp, width, left, right),
            (left_rm, _) => {
                let register = match left_rm {
                    Some(Rm::Reg(register)) => Gpr(register),
                    _ => {
                        // Registers that are spilled for it are others than these.
                        let register = self.gpr();
                        self.load_into(register, left);
                        self.registers.free_gpr(register);
                        register
                    }
                };
                self.alu_with(Alu::Cmp, ty, register, right);
            }
        }
        self.registers.free(left.place);
        self.registers.free(right.place);
        self.push(Type::I32, Place::Flags(condition));
    }

    fn test_zero(&mut self) {
        let operand = self.pop();
        let width = operand.ty.width();
        let place = match operand.place {
            Place::Constant(value) => Place::Constant(u64::from(value == 0)),
            Place::Flags(condition) => Place::Flags(condition.inverted()),
            Place::Gpr(register) => {
                self.asm.test(width, register, register);
                self.registers.free_gpr(register);
                Place::Flags(Condition::Equal)
            }
            place => {
                let place = self.rm(place).expect("all else was looked at");
                self.asm.alu_imm(Alu::Cmp, width, place, 0);
                Place::Flags(Condition::Equal)
            }
        };
        self.push(Type::I32, place);
    }

    /// Traps if the condition holds.
    pub(super) fn trap_if(&mut self, condition: Condition, code: TrapCode) {
        let mut slow = self.slow(Slow::Trap(code));
        self.asm.jump_if(condition, &mut slow.label);
        self.slow_paths.push(slow);
    }
}

fn place_of(register: Gpr) -> Place {
    Place::Gpr(register)
}
