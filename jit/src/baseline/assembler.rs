//! Instructions of x86-64 as bytes, those that the baseline compiler uses.
//!
//! Encodings are those of Intel's manual, volume 2. Nothing here looks at what an instruction means:
//! operands come in the order of Intel's syntax, the destination first.

use super::label::Label;

/// A general register, by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gpr(pub u8);

impl Gpr {
    pub const RAX: Gpr = Gpr(0);
    pub const RCX: Gpr = Gpr(1);
    pub const RDX: Gpr = Gpr(2);
    pub const RSP: Gpr = Gpr(4);
    pub const RBP: Gpr = Gpr(5);
    pub const RSI: Gpr = Gpr(6);
    pub const RDI: Gpr = Gpr(7);
    pub const R8: Gpr = Gpr(8);
    pub const R9: Gpr = Gpr(9);
    pub const R10: Gpr = Gpr(10);
    pub const R11: Gpr = Gpr(11);
    pub const R15: Gpr = Gpr(15);
}

/// A vector register, by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Xmm(pub u8);

/// How wide an operation on general registers is. One of 32 bits clears the upper half.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Width {
    W32,
    W64,
}

/// Single or double precision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Float {
    Single,
    Double,
}

impl Float {
    /// The prefix of scalar instructions.
    fn scalar(self) -> u8 {
        match self {
            Float::Single => 0xf3,
            Float::Double => 0xf2,
        }
    }

    /// The prefix of packed instructions and comparisons; 0 is none.
    fn packed(self) -> u8 {
        match self {
            Float::Single => 0,
            Float::Double => 0x66,
        }
    }
}

/// `[base + index + displacement]`
#[derive(Clone, Copy, Debug)]
pub struct Mem {
    pub base: Gpr,
    pub index: Option<Gpr>,
    pub disp: i32,
}

impl Mem {
    pub fn at(base: Gpr, disp: i32) -> Mem {
        Mem { base, index: None, disp }
    }
}

/// The second operand of most instructions: a register or a place in memory.
#[derive(Clone, Copy, Debug)]
pub enum Rm {
    Reg(u8),
    Mem(Mem),
}

impl From<Gpr> for Rm {
    fn from(register: Gpr) -> Rm {
        Rm::Reg(register.0)
    }
}

impl From<Xmm> for Rm {
    fn from(register: Xmm) -> Rm {
        Rm::Reg(register.0)
    }
}

impl From<Mem> for Rm {
    fn from(mem: Mem) -> Rm {
        Rm::Mem(mem)
    }
}

/// The arithmetic that shares one encoding, by its number there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alu {
    Add = 0,
    Or = 1,
    And = 4,
    Sub = 5,
    Xor = 6,
    Cmp = 7,
}

/// Shifts and rotations, by their number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shift {
    Rol = 0,
    Ror = 1,
    Shl = 4,
    Shr = 5,
    Sar = 7,
}

/// What a conditional instruction looks at, by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Condition {
    Overflow = 0,
    NoOverflow = 1,
    Below = 2,
    AboveEqual = 3,
    Equal = 4,
    NotEqual = 5,
    BelowEqual = 6,
    Above = 7,
    Sign = 8,
    Parity = 10,
    NoParity = 11,
    Less = 12,
    GreaterEqual = 13,
    LessEqual = 14,
    Greater = 15,
}

impl Condition {
    /// The condition that holds where this one does not.
    pub fn inverted(self) -> Condition {
        match self {
            Condition::Overflow => Condition::NoOverflow,
            Condition::NoOverflow => Condition::Overflow,
            Condition::Below => Condition::AboveEqual,
            Condition::AboveEqual => Condition::Below,
            Condition::Equal => Condition::NotEqual,
            Condition::NotEqual => Condition::Equal,
            Condition::BelowEqual => Condition::Above,
            Condition::Above => Condition::BelowEqual,
            Condition::Sign => unreachable!("nothing asks for the opposite of a sign"),
            Condition::Parity => Condition::NoParity,
            Condition::NoParity => Condition::Parity,
            Condition::Less => Condition::GreaterEqual,
            Condition::GreaterEqual => Condition::Less,
            Condition::LessEqual => Condition::Greater,
            Condition::Greater => Condition::LessEqual,
        }
    }
}

/// Scalar arithmetic of vector registers, by its opcode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FloatOp {
    Sqrt = 0x51,
    Add = 0x58,
    Mul = 0x59,
    Sub = 0x5c,
    Min = 0x5d,
    Div = 0x5e,
    Max = 0x5f,
}

/// Bitwise operations of vector registers, by their opcode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FloatBits {
    And = 0x54,
    Or = 0x56,
    Xor = 0x57,
}

/// Code as it grows.
#[derive(Default)]
pub struct Assembler {
    pub bytes: Vec<u8>,
}

impl Assembler {
    pub fn position(&self) -> u32 {
        self.bytes.len() as u32
    }

    fn byte(&mut self, byte: u8) {
        self.bytes.push(byte);
    }

    fn imm32(&mut self, value: i32) {
        self.bytes.extend_from_slice(&value.to_le_bytes());
    }

    /// Prefix, REX, opcode and operands. `prefix` 0 is none; `is_byte` says that the register
    /// operands are bytes, of which 4 to 7 need a REX.
    fn emit(&mut self, prefix: u8, is_wide: bool, opcode: &[u8], reg: u8, rm: Rm, is_byte: bool) {
        if prefix != 0 {
            self.byte(prefix);
        }
        let (base, index) = match rm {
            Rm::Reg(register) => (register, 0),
            Rm::Mem(mem) => (mem.base.0, mem.index.map_or(0, |index| index.0)),
        };
        let rex = u8::from(is_wide) << 3 | (reg >> 3) << 2 | (index >> 3) << 1 | base >> 3;
        let is_forced = is_byte && (reg >= 4 || matches!(rm, Rm::Reg(4..)));
        if rex != 0 || is_forced {
            self.byte(0x40 | rex);
        }
        self.bytes.extend_from_slice(opcode);
        self.operands(reg & 7, rm);
    }

    /// ModRM, SIB and displacement.
    fn operands(&mut self, reg: u8, rm: Rm) {
        let mem = match rm {
            Rm::Reg(register) => return self.byte(0xc0 | reg << 3 | register & 7),
            Rm::Mem(mem) => mem,
        };
        let base = mem.base.0 & 7;
        // Base 5 without a displacement means something else.
        let mode = match mem.disp {
            0 if base != 5 => 0,
            -128..=127 => 1,
            _ => 2,
        };
        match mem.index {
            // Index 4 is none; base 4 needs the byte all the same.
            None if base != 4 => self.byte(mode << 6 | reg << 3 | base),
            index => {
                self.byte(mode << 6 | reg << 3 | 4);
                self.byte(index.map_or(4, |index| index.0 & 7) << 3 | base);
            }
        }
        match mode {
            0 => {}
            1 => self.byte(mem.disp as u8),
            _ => self.imm32(mem.disp),
        }
    }

    fn general(&mut self, width: Width, opcode: &[u8], reg: u8, rm: impl Into<Rm>) {
        self.emit(0, width == Width::W64, opcode, reg, rm.into(), false);
    }

    // Moves.

    pub fn mov(&mut self, width: Width, to: Gpr, from: impl Into<Rm>) {
        self.general(width, &[0x8b], to.0, from);
    }

    pub fn store(&mut self, width: Width, to: Mem, from: Gpr) {
        self.general(width, &[0x89], from.0, to);
    }

    pub fn store8(&mut self, to: Mem, from: Gpr) {
        self.emit(0, false, &[0x88], from.0, to.into(), true);
    }

    pub fn store16(&mut self, to: Mem, from: Gpr) {
        self.emit(0x66, false, &[0x89], from.0, to.into(), false);
    }

    /// Stores an immediate; one of 64 bits is extended with its sign.
    pub fn store_imm(&mut self, width: Width, to: Mem, value: i32) {
        self.general(width, &[0xc7], 0, to);
        self.imm32(value);
    }

    pub fn store_imm8(&mut self, to: Mem, value: u8) {
        self.general(Width::W32, &[0xc6], 0, to);
        self.byte(value);
    }

    pub fn store_imm16(&mut self, to: Mem, value: u16) {
        self.emit(0x66, false, &[0xc7], 0, to.into(), false);
        self.bytes.extend_from_slice(&value.to_le_bytes());
    }

    /// Puts a number into a register, all 64 bits of it, and leaves the flags alone.
    pub fn mov_imm(&mut self, to: Gpr, value: u64) {
        if let Ok(value) = u32::try_from(value) {
            if to.0 >= 8 {
                self.byte(0x41);
            }
            self.byte(0xb8 | to.0 & 7);
            self.imm32(value.cast_signed());
        } else if let Ok(value) = i32::try_from(value.cast_signed()) {
            self.general(Width::W64, &[0xc7], 0, to);
            self.imm32(value);
        } else {
            self.byte(0x48 | to.0 >> 3);
            self.byte(0xb8 | to.0 & 7);
            self.bytes.extend_from_slice(&value.to_le_bytes());
        }
    }

    pub fn movzx8(&mut self, to: Gpr, from: impl Into<Rm>) {
        self.emit(0, false, &[0x0f, 0xb6], to.0, from.into(), true);
    }

    pub fn movzx16(&mut self, to: Gpr, from: impl Into<Rm>) {
        self.general(Width::W32, &[0x0f, 0xb7], to.0, from);
    }

    pub fn movsx8(&mut self, width: Width, to: Gpr, from: impl Into<Rm>) {
        self.emit(0, width == Width::W64, &[0x0f, 0xbe], to.0, from.into(), true);
    }

    pub fn movsx16(&mut self, width: Width, to: Gpr, from: impl Into<Rm>) {
        self.general(width, &[0x0f, 0xbf], to.0, from);
    }

    pub fn movsx32(&mut self, to: Gpr, from: impl Into<Rm>) {
        self.general(Width::W64, &[0x63], to.0, from);
    }

    pub fn cmov(&mut self, width: Width, condition: Condition, to: Gpr, from: impl Into<Rm>) {
        self.general(width, &[0x0f, 0x40 | condition as u8], to.0, from);
    }

    pub fn push(&mut self, register: Gpr) {
        assert!(register.0 < 8, "only low registers are pushed");
        self.byte(0x50 | register.0);
    }

    pub fn pop(&mut self, register: Gpr) {
        assert!(register.0 < 8, "only low registers are popped");
        self.byte(0x58 | register.0);
    }

    // Integers.

    pub fn alu(&mut self, op: Alu, width: Width, to: Gpr, from: impl Into<Rm>) {
        self.general(width, &[(op as u8) << 3 | 3], to.0, from);
    }

    /// With an immediate, which is extended with its sign.
    pub fn alu_imm(&mut self, op: Alu, width: Width, to: impl Into<Rm>, value: i32) {
        if let Ok(value) = i8::try_from(value) {
            self.general(width, &[0x83], op as u8, to);
            self.byte(value.cast_unsigned());
        } else {
            self.general(width, &[0x81], op as u8, to);
            self.imm32(value);
        }
    }

    /// With an immediate of four bytes whatever it is, which stand at the position that it gives.
    pub fn alu_imm_later(&mut self, op: Alu, width: Width, to: Gpr) -> u32 {
        self.general(width, &[0x81], op as u8, to);
        self.imm32(0);
        self.position() - 4
    }

    pub fn test(&mut self, width: Width, left: Gpr, right: Gpr) {
        self.general(width, &[0x85], right.0, left);
    }

    pub fn imul(&mut self, width: Width, to: Gpr, from: impl Into<Rm>) {
        self.general(width, &[0x0f, 0xaf], to.0, from);
    }

    pub fn imul_imm(&mut self, width: Width, to: Gpr, from: impl Into<Rm>, value: i32) {
        self.general(width, &[0x69], to.0, from);
        self.imm32(value);
    }

    /// Divides rdx:rax.
    pub fn div(&mut self, width: Width, by: Gpr, is_signed: bool) {
        self.general(width, &[0xf7], 6 + u8::from(is_signed), by);
    }

    /// Extends rax with its sign into rdx.
    pub fn sign_into_rdx(&mut self, width: Width) {
        if width == Width::W64 {
            self.byte(0x48);
        }
        self.byte(0x99);
    }

    /// By cl.
    pub fn shift(&mut self, op: Shift, width: Width, register: Gpr) {
        self.general(width, &[0xd3], op as u8, register);
    }

    pub fn shift_imm(&mut self, op: Shift, width: Width, register: Gpr, count: u8) {
        self.general(width, &[0xc1], op as u8, register);
        self.byte(count);
    }

    /// `lzcnt`, `tzcnt` or `popcnt`, by their opcode.
    pub fn count_bits(&mut self, opcode: u8, width: Width, to: Gpr, from: impl Into<Rm>) {
        self.emit(0xf3, width == Width::W64, &[0x0f, opcode], to.0, from.into(), false);
    }

    /// 1 or 0 in all of a register.
    pub fn set(&mut self, condition: Condition, to: Gpr) {
        self.emit(0, false, &[0x0f, 0x90 | condition as u8], 0, to.into(), to.0 >= 4);
        self.movzx8(to, to);
    }

    pub fn lea(&mut self, to: Gpr, mem: Mem) {
        self.general(Width::W64, &[0x8d], to.0, mem);
    }

    // Floating point.

    pub fn movaps(&mut self, to: Xmm, from: Xmm) {
        self.emit(0, false, &[0x0f, 0x28], to.0, from.into(), false);
    }

    pub fn load_float(&mut self, float: Float, to: Xmm, from: Mem) {
        self.emit(float.scalar(), false, &[0x0f, 0x10], to.0, from.into(), false);
    }

    pub fn store_float(&mut self, float: Float, to: Mem, from: Xmm) {
        self.emit(float.scalar(), false, &[0x0f, 0x11], from.0, to.into(), false);
    }

    pub fn gpr_to_xmm(&mut self, width: Width, to: Xmm, from: Gpr) {
        self.emit(0x66, width == Width::W64, &[0x0f, 0x6e], to.0, from.into(), false);
    }

    pub fn xmm_to_gpr(&mut self, width: Width, to: Gpr, from: Xmm) {
        self.emit(0x66, width == Width::W64, &[0x0f, 0x7e], from.0, to.into(), false);
    }

    pub fn float(&mut self, op: FloatOp, float: Float, to: Xmm, from: impl Into<Rm>) {
        self.emit(float.scalar(), false, &[0x0f, op as u8], to.0, from.into(), false);
    }

    pub fn float_bits(&mut self, op: FloatBits, to: Xmm, from: Xmm) {
        self.emit(0, false, &[0x0f, op as u8], to.0, from.into(), false);
    }

    pub fn compare_floats(&mut self, float: Float, left: Xmm, right: impl Into<Rm>) {
        self.emit(float.packed(), false, &[0x0f, 0x2e], left.0, right.into(), false);
    }

    /// Rounds as `mode` says: 0 to the nearest, 1 down, 2 up, 3 towards zero.
    pub fn round(&mut self, float: Float, to: Xmm, from: impl Into<Rm>, mode: u8) {
        let opcode = match float {
            Float::Single => 0x0a,
            Float::Double => 0x0b,
        };
        self.emit(0x66, false, &[0x0f, 0x3a, opcode], to.0, from.into(), false);
        // Without an exception for what is not exact.
        self.byte(mode | 8);
    }

    pub fn int_to_float(&mut self, float: Float, width: Width, to: Xmm, from: Gpr) {
        self.emit(float.scalar(), width == Width::W64, &[0x0f, 0x2a], to.0, from.into(), false);
    }

    /// Truncates.
    pub fn float_to_int(&mut self, float: Float, width: Width, to: Gpr, from: Xmm) {
        self.emit(float.scalar(), width == Width::W64, &[0x0f, 0x2c], to.0, from.into(), false);
    }

    /// To the other precision.
    pub fn convert_float(&mut self, from_float: Float, to: Xmm, from: impl Into<Rm>) {
        self.emit(from_float.scalar(), false, &[0x0f, 0x5a], to.0, from.into(), false);
    }

    // Control.

    pub fn jump(&mut self, label: &mut Label) {
        self.byte(0xe9);
        self.distance_to(label);
    }

    pub fn jump_if(&mut self, condition: Condition, label: &mut Label) {
        self.byte(0x0f);
        self.byte(0x80 | condition as u8);
        self.distance_to(label);
    }

    /// Jumps over what follows, which is short: [`Assembler::land`] says how far.
    pub fn skip_if(&mut self, condition: Condition) -> u32 {
        self.byte(0x70 | condition as u8);
        self.byte(0);
        self.position()
    }

    /// As [`Assembler::skip_if`], in any case.
    pub fn skip(&mut self) -> u32 {
        self.byte(0xeb);
        self.byte(0);
        self.position()
    }

    /// Where a short jump leads.
    pub fn land(&mut self, from: u32) {
        let distance = i8::try_from(self.position() - from).expect("what is skipped is short");
        self.bytes[from as usize - 1] = distance.cast_unsigned();
    }

    fn distance_to(&mut self, label: &mut Label) {
        self.imm32(0);
        label.refer(&mut self.bytes);
    }

    /// The label stands for the next instruction.
    pub fn bind(&mut self, label: &mut Label) {
        label.bind(&mut self.bytes);
    }

    pub fn jump_to(&mut self, target: impl Into<Rm>) {
        self.general(Width::W32, &[0xff], 4, target);
    }

    /// A call whose distance is filled in later: the position of its four bytes.
    pub fn call_later(&mut self) -> u32 {
        self.byte(0xe8);
        self.imm32(0);
        self.position() - 4
    }

    pub fn call(&mut self, target: impl Into<Rm>) {
        self.general(Width::W32, &[0xff], 2, target);
    }

    /// Returns, and takes so many bytes of arguments off the stack.
    pub fn ret(&mut self, args_bytes: u16) {
        if args_bytes == 0 {
            return self.byte(0xc3);
        }
        self.byte(0xc2);
        self.bytes.extend_from_slice(&args_bytes.to_le_bytes());
    }

    pub fn nop(&mut self) {
        self.byte(0x90);
    }

    pub fn ud2(&mut self) {
        self.bytes.extend_from_slice(&[0x0f, 0x0b]);
    }

    /// `lea to, [rip + …]`: the address of what a label will stand for.
    pub fn address_of(&mut self, to: Gpr, label: &mut Label) {
        self.byte(0x48 | (to.0 >> 3) << 2);
        self.byte(0x8d);
        self.byte((to.0 & 7) << 3 | 5);
        self.distance_to(label);
    }

    /// Writes four bytes that were left open.
    pub fn patch(&mut self, position: u32, value: i32) {
        let at = position as usize;
        self.bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
    }
}

#[cfg(test)]
mod tests;
