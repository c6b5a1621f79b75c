//! Loads, stores and the size of memories.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::types::{F32, F64, I32, I64};
use cranelift_codegen::ir::{InstBuilder, MemFlagsData, Type, Value};
use cranelift_frontend::FuncInstBuilder;
use wasmparser::{MemArg, MemArgTarget, Operator};

use super::Translator;
use super::region::Region;
use crate::vm::context::{Builtin, VmContext, VmDescriptor};
use crate::vm::instance::MemoryId;

/// Where an access goes.
pub struct Access {
    pub address: Value,
    pub offset: i32,
    pub flags: MemFlagsData,
}

impl<'a> Translator<'a> {
    pub(super) fn memory(&mut self, op: &Operator<'_>) -> bool {
        self.memory_load(op) || self.memory_store(op) || self.memory_size(op)
    }

    fn memory_load(&mut self, op: &Operator<'_>) -> bool {
        match op {
            Operator::I32Load { memarg } => self.load(memarg, I32),
            Operator::I64Load { memarg } => self.load(memarg, I64),
            Operator::F32Load { memarg } => self.load(memarg, F32),
            Operator::F64Load { memarg } => self.load(memarg, F64),
            Operator::I32Load8S { memarg } => {
                self.load_with(memarg, 1, |ins, at| {
                    ins.sload8(I32, at.flags, at.address, at.offset)
                });
            }
            Operator::I32Load8U { memarg } => {
                self.load_with(memarg, 1, |ins, at| {
                    ins.uload8(I32, at.flags, at.address, at.offset)
                });
            }
            Operator::I32Load16S { memarg } => {
                self.load_with(memarg, 2, |ins, at| {
                    ins.sload16(I32, at.flags, at.address, at.offset)
                });
            }
            Operator::I32Load16U { memarg } => {
                self.load_with(memarg, 2, |ins, at| {
                    ins.uload16(I32, at.flags, at.address, at.offset)
                });
            }
            Operator::I64Load8S { memarg } => {
                self.load_with(memarg, 1, |ins, at| {
                    ins.sload8(I64, at.flags, at.address, at.offset)
                });
            }
            Operator::I64Load8U { memarg } => {
                self.load_with(memarg, 1, |ins, at| {
                    ins.uload8(I64, at.flags, at.address, at.offset)
                });
            }
            Operator::I64Load16S { memarg } => {
                self.load_with(memarg, 2, |ins, at| {
                    ins.sload16(I64, at.flags, at.address, at.offset)
                });
            }
            Operator::I64Load16U { memarg } => {
                self.load_with(memarg, 2, |ins, at| {
                    ins.uload16(I64, at.flags, at.address, at.offset)
                });
            }
            Operator::I64Load32S { memarg } => {
                self.load_with(memarg, 4, |ins, at| ins.sload32(at.flags, at.address, at.offset));
            }
            Operator::I64Load32U { memarg } => {
                self.load_with(memarg, 4, |ins, at| ins.uload32(at.flags, at.address, at.offset));
            }
            _ => return false,
        }
        true
    }

    fn memory_store(&mut self, op: &Operator<'_>) -> bool {
        match op {
            Operator::I32Store { memarg } | Operator::F32Store { memarg } => self.store(memarg, 4),
            Operator::I64Store { memarg } | Operator::F64Store { memarg } => self.store(memarg, 8),
            Operator::I32Store8 { memarg } | Operator::I64Store8 { memarg } => {
                let (value, at) = self.operand_and_access(memarg, 1);
                self.ins().istore8(at.flags, value, at.address, at.offset);
            }
            Operator::I32Store16 { memarg } | Operator::I64Store16 { memarg } => {
                let (value, at) = self.operand_and_access(memarg, 2);
                self.ins().istore16(at.flags, value, at.address, at.offset);
            }
            Operator::I64Store32 { memarg } => {
                let (value, at) = self.operand_and_access(memarg, 4);
                self.ins().istore32(at.flags, value, at.address, at.offset);
            }
            _ => return false,
        }
        true
    }

    fn memory_size(&mut self, op: &Operator<'_>) -> bool {
        match op {
            Operator::MemorySize { mem } => {
                let ty = self.scope.module.memories[*mem as usize];
                let bytes = self.memory_len_bytes(*mem);
                let pages = self.ins().ushr_imm_u(bytes, i64::from(ty.page_size_log2));
                let pages = self.narrow(pages, ty.is_64);
                self.push(pages);
            }
            Operator::MemoryGrow { mem } => {
                let pages = self.pop();
                let pages = self.widen(pages);
                let memory = self.memory_id(*mem);
                let old = self
                    .call_builtin(Builtin::MemoryGrow, &[memory, pages])
                    .expect("`MemoryGrow` has a result");
                let old = self.narrow(old, self.scope.module.memories[*mem as usize].is_64);
                self.push(old);
            }
            _ => return false,
        }
        true
    }

    /// A memory's process-wide number as an operand of the runtime's functions.
    pub(super) fn memory_id(&mut self, memory: u32) -> Value {
        self.imm32(self.scope.instance.memories[memory as usize].id.0)
    }

    pub(super) fn load(&mut self, memarg: &MemArg, ty: Type) {
        self.load_with(memarg, ty.bytes(), |ins, at| ins.load(ty, at.flags, at.address, at.offset));
    }

    pub(super) fn load_with(
        &mut self,
        memarg: &MemArg,
        size: u32,
        load: impl FnOnce(FuncInstBuilder<'_, 'a>, &Access) -> Value,
    ) {
        let access = self.access(memarg, size);
        let value = load(self.builder.ins(), &access);
        self.push(value);
    }

    pub(super) fn store(&mut self, memarg: &MemArg, size: u32) {
        let (value, at) = self.operand_and_access(memarg, size);
        self.ins().store(at.flags, value, at.address, at.offset);
    }

    pub(super) fn operand_and_access(&mut self, memarg: &MemArg, size: u32) -> (Value, Access) {
        let value = self.pop();
        (value, self.access(memarg, size))
    }

    /// Pops the index of an access and gives the place it means.
    pub(super) fn access(&mut self, memarg: &MemArg, size: u32) -> Access {
        let MemArgTarget::Memory(memory) = memarg.target else {
            unreachable!("decoding lets no access to arrays pass");
        };
        let place = self.scope.instance.memories[memory as usize];
        let index = self.pop();
        let ty = self.scope.module.memories[memory as usize];
        if self.is_process_memory(memory) {
            let (index, offset) = self.near(index, memarg.offset);
            return self.access_at(place.id, memory, index, offset);
        }
        let index = self.widen(index);
        // A memory of small pages ends where the host's protection does not.
        if ty.is_64 || ty.page_size_log2 < 16 {
            self.check_bounds(memory, index, memarg.offset, size);
        }
        self.access_at(place.id, memory, index, memarg.offset.cast_signed())
    }

    fn access_at(&mut self, id: MemoryId, memory: u32, index: Value, offset: i64) -> Access {
        let base = self.memory_base(memory);
        let mut address = self.ins().iadd(base, index);
        let offset = i32::try_from(offset).unwrap_or_else(|_| {
            let offset = self.builder.ins().iconst(I64, offset);
            address = self.builder.ins().iadd(address, offset);
            0
        });
        Access { address, offset, flags: self.access_flags(id) }
    }

    /// Flags of an access of a memory. It is not marked as safe: behind the end of a memory nothing
    /// is mapped, and the fault there is the trap.
    pub(super) fn access_flags(&mut self, id: MemoryId) -> MemFlagsData {
        let region = Region::Memory(id).declare(self.builder.func);
        MemFlagsData::new().with_alias_region(Some(region))
    }

    /// Whether a memory is the process's, with 32-bit indices and pages of 64 KiB.
    pub(super) fn is_process_memory(&self, memory: u32) -> bool {
        let ty = self.scope.module.memories[memory as usize];
        let id = self.scope.instance.memories[memory as usize].id;
        id == MemoryId::PROCESS && !ty.is_64 && ty.page_size_log2 == 16
    }

    /// The address of an index of the process memory.
    pub(super) fn process_address(&mut self, index: Value) -> Value {
        let index = self.widen(index);
        let base = self.context();
        self.ins().iadd(base, index)
    }

    /// The address of byte 0. A memory never moves.
    fn memory_base(&mut self, memory: u32) -> Value {
        let place = self.scope.instance.memories[memory as usize];
        let context = self.context();
        if place.id == MemoryId::PROCESS {
            return context;
        }
        let flags = self.constant(Region::Descriptor);
        self.ins().load(I64, flags, context, place.descriptor.offset() + VmDescriptor::BASE)
    }

    fn memory_len_bytes(&mut self, memory: u32) -> Value {
        let place = self.scope.instance.memories[memory as usize];
        let context = self.context();
        if place.id == MemoryId::PROCESS {
            let flags = self.trusted(Region::Context);
            return self.ins().load(I64, flags, context, VmContext::MEMORY_LEN_BYTES);
        }
        let len = place.descriptor.offset() + VmDescriptor::LEN;
        if self.scope.module.memories[memory as usize].is_shared {
            let flags = self.constant(Region::Descriptor);
            let address = self.ins().load(I64, flags, context, len);
            let flags = self.trusted(Region::SharedLen);
            return self.ins().atomic_load(I64, flags, address);
        }
        let flags = self.trusted(Region::Descriptor);
        self.ins().load(I64, flags, context, len)
    }

    /// Traps unless `size` bytes at `index + offset` are inside a memory with 64-bit indices, for
    /// which no reservation is wide enough, or with small pages.
    fn check_bounds(&mut self, memory: u32, index: Value, offset: u64, size: u32) {
        let trap = cranelift_codegen::ir::TrapCode::HEAP_OUT_OF_BOUNDS;
        // No memory reaches the last bytes of the address space, so an end beyond them may be
        // taken for the greatest there is.
        let distance = offset.saturating_add(u64::from(size));
        let distance = self.ins().iconst(I64, distance.cast_signed());
        let end = self.ins().uadd_overflow_trap(index, distance, trap);
        let len = self.memory_len_bytes(memory);
        let is_outside = self.ins().icmp(IntCC::UnsignedGreaterThan, end, len);
        self.ins().trapnz(is_outside, trap);
    }
}
