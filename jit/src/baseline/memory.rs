//! Accesses of the process memory, and globals.

use wasmparser::{MemArg, Operator};

use super::assembler::{Alu, Gpr, Mem, Shift, Width};
use super::operand::{Operand, Place, immediate};
use super::{Baseline, Type, Unsupported};
use crate::vm::code::TrapCode;
use crate::vm::context::{Builtin, VmContext};
use crate::vm::instance::{GlobalPlace, MemoryId};

/// How a load fills its register.
#[derive(Clone, Copy)]
enum Load {
    Full,
    Unsigned8,
    Unsigned16,
    Signed8,
    Signed16,
    Signed32,
    Unsigned32,
}

impl Baseline<'_> {
    pub(super) fn memory(&mut self, op: &Operator<'_>) -> Result<bool, Unsupported> {
        use Operator as O;
        match op {
            O::I32Load { memarg } => self.load(memarg, Type::I32, Load::Full)?,
            O::I64Load { memarg } => self.load(memarg, Type::I64, Load::Full)?,
            O::F32Load { memarg } => self.load_float(memarg, Type::F32)?,
            O::F64Load { memarg } => self.load_float(memarg, Type::F64)?,
            O::I32Load8S { memarg } => self.load(memarg, Type::I32, Load::Signed8)?,
            O::I32Load8U { memarg } => self.load(memarg, Type::I32, Load::Unsigned8)?,
            O::I32Load16S { memarg } => self.load(memarg, Type::I32, Load::Signed16)?,
            O::I32Load16U { memarg } => self.load(memarg, Type::I32, Load::Unsigned16)?,
            O::I64Load8S { memarg } => self.load(memarg, Type::I64, Load::Signed8)?,
            O::I64Load8U { memarg } => self.load(memarg, Type::I64, Load::Unsigned8)?,
            O::I64Load16S { memarg } => self.load(memarg, Type::I64, Load::Signed16)?,
            O::I64Load16U { memarg } => self.load(memarg, Type::I64, Load::Unsigned16)?,
            O::I64Load32S { memarg } => self.load(memarg, Type::I64, Load::Signed32)?,
            O::I64Load32U { memarg } => self.load(memarg, Type::I64, Load::Unsigned32)?,
            O::I32Store { memarg }
            | O::F32Store { memarg }
            | O::I64Store { memarg }
            | O::F64Store { memarg } => self.store_whole(memarg)?,
            O::I64Store32 { memarg } => self.store_part(memarg, 4)?,
            O::I32Store8 { memarg } | O::I64Store8 { memarg } => self.store_part(memarg, 1)?,
            O::I32Store16 { memarg } | O::I64Store16 { memarg } => self.store_part(memarg, 2)?,
            O::MemorySize { mem } => {
                self.expect_process_memory(*mem)?;
                let register = self.gpr();
                let len = Mem::at(Gpr::R15, VmContext::MEMORY_LEN_BYTES);
                self.asm.mov(Width::W64, register, len);
                self.asm.shift_imm(Shift::Shr, Width::W64, register, 16);
                self.push_gpr(Type::I32, register);
            }
            O::MemoryGrow { mem } => {
                self.expect_process_memory(*mem)?;
                let pages = self.pop();
                let memory = self.number(MemoryId::PROCESS.0);
                self.call_builtin(Builtin::MemoryGrow, &[memory, pages]);
                self.asm.mov(Width::W32, Gpr::RAX, Gpr::RAX);
                self.push_gpr(Type::I32, Gpr::RAX);
            }
            _ => return self.bulk(op),
        }
        Ok(true)
    }

    fn bulk(&mut self, op: &Operator<'_>) -> Result<bool, Unsupported> {
        use Operator as O;
        match op {
            O::MemoryFill { mem } => {
                self.expect_process_memory(*mem)?;
                let (len, value, to) = (self.pop(), self.pop(), self.pop());
                let memory = self.number(MemoryId::PROCESS.0);
                self.call_builtin(Builtin::MemoryFill, &[memory, to, value, len]);
            }
            O::MemoryCopy { dst_mem, src_mem } => {
                self.expect_process_memory(*dst_mem)?;
                self.expect_process_memory(*src_mem)?;
                let (len, from, to) = (self.pop(), self.pop(), self.pop());
                let memory = self.number(MemoryId::PROCESS.0);
                self.call_builtin(Builtin::MemoryCopy, &[memory, memory, to, from, len]);
            }
            O::MemoryInit { data_index, mem } => {
                self.expect_process_memory(*mem)?;
                let (len, from, to) = (self.pop(), self.pop(), self.pop());
                let (len, from) = (self.take(len), self.take(from));
                self.asm.shift_imm(Shift::Shl, Width::W64, len, 32);
                self.asm.alu(Alu::Or, Width::W64, len, from);
                self.registers.free_gpr(from);
                let range = Operand { ty: Type::I64, place: Place::Gpr(len) };
                let (instance, data) = (self.number(self.instance.id.0), self.number(*data_index));
                let memory = self.number(MemoryId::PROCESS.0);
                self.call_builtin(Builtin::MemoryInit, &[instance, data, memory, to, range]);
            }
            O::DataDrop { data_index } => {
                let (instance, data) = (self.number(self.instance.id.0), self.number(*data_index));
                self.call_builtin(Builtin::DataDrop, &[instance, data]);
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// A number known now, as an operand that is on no stack.
    pub(super) fn number(&self, number: u32) -> Operand {
        Operand { ty: Type::I32, place: Place::Constant(u64::from(number)) }
    }

    /// Accesses of other memories, of 64-bit ones, and of such with small pages are left to the
    /// optimizing compiler.
    fn expect_process_memory(&self, memory: u32) -> Result<(), Unsupported> {
        let ty = self.module.memories[memory as usize];
        let id = self.instance.memories[memory as usize].id;
        let is_it = id == MemoryId::PROCESS && !ty.is_64 && ty.page_size_log2 == 16;
        if is_it { Ok(()) } else { Err(Unsupported) }
    }

    /// The place that an access means, which may use r11, and the register that is free after it.
    fn access(&mut self, memarg: &MemArg) -> Result<(Mem, Place), Unsupported> {
        let wasmparser::MemArgTarget::Memory(memory) = memarg.target else {
            return Err(Unsupported);
        };
        self.expect_process_memory(memory)?;
        let index = self.pop();
        let disp = i32::try_from(memarg.offset);
        let with = |index, disp| Mem { base: Gpr::R15, index: Some(index), disp };
        let register = match (index.place, disp) {
            (Place::Constant(index), _) => {
                let address = index + memarg.offset;
                if let Ok(disp) = i32::try_from(address) {
                    return Ok((Mem::at(Gpr::R15, disp), index_none()));
                }
                self.asm.mov_imm(Gpr::R11, address);
                return Ok((with(Gpr::R11, 0), index_none()));
            }
            (Place::Gpr(register), Ok(disp)) => return Ok((with(register, disp), index.place)),
            (Place::Gpr(register), Err(_)) => register,
            (_, Ok(disp)) => {
                self.load_into(Gpr::R11, index);
                return Ok((with(Gpr::R11, disp), index_none()));
            }
            (_, Err(_)) => self.take(index),
        };
        self.asm.mov_imm(Gpr::R11, memarg.offset);
        self.asm.alu(Alu::Add, Width::W64, Gpr::R11, register);
        Ok((with(Gpr::R11, 0), Place::Gpr(register)))
    }

    fn load(&mut self, memarg: &MemArg, ty: Type, load: Load) -> Result<(), Unsupported> {
        let (from, index) = self.access(memarg)?;
        let to = match index {
            Place::Gpr(register) => register,
            _ => self.gpr(),
        };
        let width = ty.width();
        self.note_trap(TrapCode::MemoryOutOfBounds);
        match load {
            Load::Full => self.asm.mov(width, to, from),
            Load::Unsigned8 => self.asm.movzx8(to, from),
            Load::Unsigned16 => self.asm.movzx16(to, from),
            Load::Unsigned32 => self.asm.mov(Width::W32, to, from),
            Load::Signed8 => self.asm.movsx8(width, to, from),
            Load::Signed16 => self.asm.movsx16(width, to, from),
            Load::Signed32 => self.asm.movsx32(to, from),
        }
        self.push_gpr(ty, to);
        Ok(())
    }

    fn load_float(&mut self, memarg: &MemArg, ty: Type) -> Result<(), Unsupported> {
        let (from, index) = self.access(memarg)?;
        let to = self.xmm();
        self.note_trap(TrapCode::MemoryOutOfBounds);
        self.asm.load_float(ty.float(), to, from);
        self.registers.free(index);
        self.push_xmm(ty, to);
        Ok(())
    }

    fn store_whole(&mut self, memarg: &MemArg) -> Result<(), Unsupported> {
        let value = self.pop();
        let width = value.ty.width();
        // The address may need r11, so nothing else may.
        let place = match value.place {
            Place::Constant(value) if immediate(width, value).is_some() => value_place(value),
            Place::Xmm(register) => Place::Xmm(register),
            _ => Place::Gpr(self.take(value)),
        };
        let (to, index) = self.access(memarg)?;
        self.note_trap(TrapCode::MemoryOutOfBounds);
        self.store(to, Operand { ty: value.ty, place });
        self.registers.free(index);
        self.registers.free(place);
        Ok(())
    }

    fn store_part(&mut self, memarg: &MemArg, bytes: u32) -> Result<(), Unsupported> {
        let value = self.pop();
        if let Place::Constant(value) = value.place {
            let (to, index) = self.access(memarg)?;
            self.note_trap(TrapCode::MemoryOutOfBounds);
            match bytes {
                1 => self.asm.store_imm8(to, value as u8),
                2 => self.asm.store_imm16(to, value as u16),
                _ => self.asm.store_imm(Width::W32, to, value as i32),
            }
            self.registers.free(index);
            return Ok(());
        }
        let value = self.take(value);
        let (to, index) = self.access(memarg)?;
        self.note_trap(TrapCode::MemoryOutOfBounds);
        match bytes {
            1 => self.asm.store8(to, value),
            2 => self.asm.store16(to, value),
            _ => self.asm.store(Width::W32, to, value),
        }
        self.registers.free(index);
        self.registers.free_gpr(value);
        Ok(())
    }

    pub(super) fn global_get(&mut self, index: u32) -> Result<(), Unsupported> {
        let ty = Type::of(self.module.globals[index as usize].value)?;
        let from = match self.instance.globals[index as usize] {
            GlobalPlace::Constant(value) if ty.width() == Width::W32 => {
                self.push(ty, Place::Constant(u64::from(value.u32())));
                return Ok(());
            }
            GlobalPlace::Constant(value) => {
                self.push(ty, Place::Constant(value.u64()));
                return Ok(());
            }
            place => self.global(place),
        };
        if ty.is_float() {
            let register = self.xmm();
            self.asm.load_float(ty.float(), register, from);
            self.push_xmm(ty, register);
        } else {
            let register = self.gpr();
            self.asm.mov(ty.width(), register, from);
            self.push_gpr(ty, register);
        }
        Ok(())
    }

    pub(super) fn global_set(&mut self, index: u32) -> Result<(), Unsupported> {
        Type::of(self.module.globals[index as usize].value)?;
        let value = self.pop();
        let to = self.global(self.instance.globals[index as usize]);
        self.store(to, value);
        self.registers.free(value.place);
        Ok(())
    }

    fn global(&self, place: GlobalPlace) -> Mem {
        match place {
            GlobalPlace::StackPointer => Mem::at(Gpr::R15, VmContext::STACK_POINTER),
            GlobalPlace::Slot(slot) => Mem::at(Gpr::R15, slot.offset()),
            GlobalPlace::Constant(_) => {
                panic!("a global that `{}` assigns is not constant", self.instance.name)
            }
        }
    }
}

/// No register is free after the access.
fn index_none() -> Place {
    Place::Constant(0)
}

fn value_place(value: u64) -> Place {
    Place::Constant(value)
}
