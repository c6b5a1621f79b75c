//! The operand stack as the compiler knows it: where each value is, and which registers are free.
//!
//! Every operand has a slot of its own in the frame, by its height on the stack, and is there only
//! where it has to be: at the borders of blocks, across calls, and when registers run out.

use super::assembler::{Condition, Float, FloatBits, Gpr, Mem, Rm, Width, Xmm};
use super::{Baseline, Type};

/// Registers that operands can be in, those with a special use last. rbx and r12 to r14 belong to
/// callers, r11 is for the compiler's own use between two instructions.
const GPRS: [Gpr; 8] =
    [Gpr::RSI, Gpr::RDI, Gpr::R8, Gpr::R9, Gpr::R10, Gpr::RDX, Gpr::RCX, Gpr::RAX];

/// xmm14 and xmm15 are for the compiler's own use.
const XMMS: u8 = 14;

/// For constants of floating point that an instruction needs in a register.
pub(super) const XMM_SCRATCH: Xmm = Xmm(15);
pub(super) const XMM_SCRATCH_2: Xmm = Xmm(14);

/// A value on the operand stack.
#[derive(Clone, Copy, Debug)]
pub(super) struct Operand {
    pub ty: Type,
    pub place: Place,
}

/// Where an operand is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Known now; of 32 bits, the upper half is zero.
    Constant(u64),
    /// What the local holds: it has not been assigned since.
    Local(u32),
    /// An `i32` has zeros in the upper half.
    Gpr(Gpr),
    Xmm(Xmm),
    /// Its slot of the frame.
    Slot(u32),
    /// 1 if the condition holds, else 0. Only the topmost operand is ever there, and only until the
    /// next operator.
    Flags(Condition),
}

/// Which registers hold something.
#[derive(Default)]
pub(super) struct Registers {
    gprs: u16,
    xmms: u16,
}

impl Registers {
    pub fn use_gpr(&mut self, register: Gpr) {
        self.gprs |= 1 << register.0;
    }

    pub fn free_gpr(&mut self, register: Gpr) {
        self.gprs &= !(1 << register.0);
    }

    pub fn use_xmm(&mut self, register: Xmm) {
        self.xmms |= 1 << register.0;
    }

    pub fn free_xmm(&mut self, register: Xmm) {
        self.xmms &= !(1 << register.0);
    }

    pub fn is_used(&self, register: Gpr) -> bool {
        self.gprs & 1 << register.0 != 0
    }

    /// What an operand is in is free again.
    pub fn free(&mut self, place: Place) {
        match place {
            Place::Gpr(register) => self.free_gpr(register),
            Place::Xmm(register) => self.free_xmm(register),
            _ => {}
        }
    }
}

impl Baseline<'_> {
    /// The frame's place for the operand at this height.
    pub(super) fn slot(&self, height: u32) -> Mem {
        Mem::at(Gpr::RBP, -8 * (self.locals.len() as i32 + height as i32 + 1))
    }

    pub(super) fn local(&self, index: u32) -> Mem {
        Mem::at(Gpr::RBP, -8 * (index as i32 + 1))
    }

    pub(super) fn push(&mut self, ty: Type, place: Place) {
        self.stack.push(Operand { ty, place });
        self.height_max = self.height_max.max(self.stack.len());
    }

    pub(super) fn push_gpr(&mut self, ty: Type, register: Gpr) {
        self.registers.use_gpr(register);
        self.push(ty, Place::Gpr(register));
    }

    pub(super) fn push_xmm(&mut self, ty: Type, register: Xmm) {
        self.registers.use_xmm(register);
        self.push(ty, Place::Xmm(register));
    }

    pub(super) fn pop(&mut self) -> Operand {
        self.stack.pop().expect("validated: the operand is there")
    }

    /// Drops operands down to a height.
    pub(super) fn truncate(&mut self, height: usize) {
        while self.stack.len() > height {
            let dropped = self.pop();
            self.registers.free(dropped.place);
        }
    }

    /// A free register, which is the caller's from now on.
    pub(super) fn gpr(&mut self) -> Gpr {
        let free = GPRS.into_iter().find(|register| !self.registers.is_used(*register));
        let register = free.unwrap_or_else(|| {
            let is_held = |operand: &Operand| matches!(operand.place, Place::Gpr(_));
            let lowest = self.stack.iter().position(is_held);
            let lowest = lowest.expect("no instruction holds all registers itself");
            let Place::Gpr(register) = self.stack[lowest].place else {
                unreachable!("it was found so");
            };
            self.spill(lowest);
            register
        });
        self.registers.use_gpr(register);
        register
    }

    /// A free vector register, which is the caller's from now on.
    pub(super) fn xmm(&mut self) -> Xmm {
        let free = (0..XMMS).find(|number| self.registers.xmms & 1 << number == 0);
        let register = free.map_or_else(
            || {
                let is_held = |operand: &Operand| matches!(operand.place, Place::Xmm(_));
                let lowest = self.stack.iter().position(is_held);
                let lowest = lowest.expect("no instruction holds all registers itself");
                let Place::Xmm(register) = self.stack[lowest].place else {
                    unreachable!("it was found so");
                };
                self.spill(lowest);
                register
            },
            Xmm,
        );
        self.registers.use_xmm(register);
        register
    }

    /// Makes a register free that an operand on the stack may be in.
    pub(super) fn evict(&mut self, register: Gpr) {
        let is_there = |operand: &Operand| operand.place == Place::Gpr(register);
        if let Some(position) = self.stack.iter().position(is_there) {
            self.spill(position);
        }
    }

    /// Moves the operand at a height to its slot. Changes no flags.
    pub(super) fn spill(&mut self, height: usize) {
        let operand = self.stack[height];
        self.store(self.slot(height as u32), operand);
        self.registers.free(operand.place);
        self.stack[height].place = Place::Slot(height as u32);
    }

    /// Leaves nothing in a register, and nothing to a local. Constants stay what they are, but for
    /// the topmost `in_slots` operands. Changes no flags.
    pub(super) fn flush(&mut self, in_slots: usize) {
        let first = self.stack.len() - in_slots;
        for height in 0..self.stack.len() {
            match self.stack[height].place {
                Place::Slot(_) => {}
                Place::Constant(_) if height < first => {}
                _ => self.spill(height),
            }
        }
    }

    /// Before a local is assigned: operands get the value that it has now.
    pub(super) fn keep_local(&mut self, index: u32) {
        for height in 0..self.stack.len() {
            if self.stack[height].place == Place::Local(index) {
                self.spill(height);
            }
        }
    }

    /// Where an operand is that is no constant and no condition.
    pub(super) fn rm(&self, place: Place) -> Option<Rm> {
        match place {
            Place::Local(index) => Some(self.local(index).into()),
            Place::Slot(height) => Some(self.slot(height).into()),
            Place::Gpr(register) => Some(register.into()),
            Place::Xmm(register) => Some(register.into()),
            Place::Constant(_) | Place::Flags(_) => None,
        }
    }

    /// Puts an operand into this register, which is free or holds it. Changes no flags.
    pub(super) fn load_into(&mut self, register: Gpr, operand: Operand) {
        match operand.place {
            Place::Constant(value) => self.asm.mov_imm(register, value),
            Place::Gpr(from) if from == register => {}
            Place::Flags(condition) => self.asm.set(condition, register),
            Place::Xmm(from) => self.asm.xmm_to_gpr(operand.ty.width(), register, from),
            place => {
                let from = self.rm(place).expect("all else was looked at");
                self.asm.mov(operand.ty.width(), register, from);
            }
        }
    }

    /// Puts an operand into this vector register. Changes no flags, and r11.
    pub(super) fn load_into_xmm(&mut self, register: Xmm, operand: Operand) {
        let float = operand.ty.float();
        match operand.place {
            Place::Constant(0) => self.asm.float_bits(FloatBits::Xor, register, register),
            Place::Constant(value) => {
                self.asm.mov_imm(Gpr::R11, value);
                self.asm.gpr_to_xmm(Width::W64, register, Gpr::R11);
            }
            Place::Xmm(from) if from == register => {}
            Place::Xmm(from) => self.asm.movaps(register, from),
            Place::Local(index) => {
                let from = self.local(index);
                self.asm.load_float(float, register, from);
            }
            Place::Slot(height) => {
                let from = self.slot(height);
                self.asm.load_float(float, register, from);
            }
            Place::Gpr(_) | Place::Flags(_) => unreachable!("a float is in no such place"),
        }
    }

    /// An operand in a register of its own, which the caller may change.
    pub(super) fn take(&mut self, operand: Operand) -> Gpr {
        if let Place::Gpr(register) = operand.place {
            return register;
        }
        let register = self.gpr();
        self.load_into(register, operand);
        register
    }

    /// An operand in a vector register of its own, which the caller may change.
    pub(super) fn take_xmm(&mut self, operand: Operand) -> Xmm {
        if let Place::Xmm(register) = operand.place {
            return register;
        }
        let register = self.xmm();
        self.load_into_xmm(register, operand);
        register
    }

    pub(super) fn pop_gpr(&mut self) -> Gpr {
        let operand = self.pop();
        self.take(operand)
    }

    pub(super) fn pop_xmm(&mut self) -> Xmm {
        let operand = self.pop();
        self.take_xmm(operand)
    }

    /// An operand of floating point for an instruction's second one: constants go to a register that
    /// is the compiler's own.
    pub(super) fn float_rm(&mut self, operand: Operand) -> Rm {
        if let Place::Constant(_) = operand.place {
            self.load_into_xmm(XMM_SCRATCH, operand);
            return XMM_SCRATCH.into();
        }
        self.rm(operand.place).expect("a float is in a register or in the frame")
    }

    /// Writes an operand to memory as wide as it is, and leaves it where it is. Changes no flags, and
    /// r11, which `to` may not use unless the operand is in a register.
    pub(super) fn store(&mut self, to: Mem, operand: Operand) {
        let width = operand.ty.width();
        match operand.place {
            Place::Gpr(from) => self.asm.store(width, to, from),
            Place::Xmm(from) => self.asm.store_float(operand.ty.float(), to, from),
            Place::Constant(value) => self.store_constant(width, to, value),
            _ => {
                self.load_into(Gpr::R11, operand);
                self.asm.store(width, to, Gpr::R11);
            }
        }
    }

    fn store_constant(&mut self, width: Width, to: Mem, value: u64) {
        match immediate(width, value) {
            Some(value) => self.asm.store_imm(width, to, value),
            None => {
                self.asm.mov_imm(Gpr::R11, value);
                self.asm.store(width, to, Gpr::R11);
            }
        }
    }

    /// A condition becomes a number: what comes next changes the flags.
    pub(super) fn settle_flags(&mut self) {
        if let Some(Operand { place: Place::Flags(condition), ty }) = self.stack.last().copied() {
            self.stack.pop();
            let register = self.gpr();
            self.asm.set(condition, register);
            self.push_gpr(ty, register);
        }
    }
}

/// A constant as an immediate that instructions extend with its sign.
pub(super) fn immediate(width: Width, value: u64) -> Option<i32> {
    match width {
        Width::W32 => Some(value as u32 as i32),
        Width::W64 => i32::try_from(value.cast_signed()).ok(),
    }
}

impl Type {
    pub(super) fn width(self) -> Width {
        match self {
            Type::I32 | Type::F32 => Width::W32,
            Type::I64 | Type::F64 => Width::W64,
        }
    }

    pub(super) fn float(self) -> Float {
        match self {
            Type::F32 | Type::I32 => Float::Single,
            Type::F64 | Type::I64 => Float::Double,
        }
    }

    pub(super) fn is_float(self) -> bool {
        matches!(self, Type::F32 | Type::F64)
    }
}
