//! Instructions over ranges of memories: the runtime does them, unless they are short.

use cranelift_codegen::ir::types::{I8, I8X16, I16, I32, I64};
use cranelift_codegen::ir::{InstBuilder, Type, Value};
use wasmparser::Operator;

use super::Translator;
use crate::vm::context::Builtin;
use crate::vm::instance::MemoryId;

/// Most bytes of a constant length that are copied or filled without a call.
const SHORT_BYTES_MAX: u32 = 64;

/// Pieces of one type that cover a range, the last up to its end: they may overlap.
fn pieces(len: i32) -> (Type, Vec<i32>) {
    let (ty, size) = match len {
        16.. => (I8X16, 16),
        8.. => (I64, 8),
        4.. => (I32, 4),
        2.. => (I16, 2),
        _ => (I8, 1),
    };
    let mut offsets: Vec<i32> = (0..len / size).map(|piece| piece * size).collect();
    if len % size > 0 {
        offsets.push(len - size);
    }
    (ty, offsets)
}

impl Translator<'_> {
    pub(super) fn bulk(&mut self, op: &Operator<'_>) -> bool {
        match op {
            Operator::MemoryFill { mem } => {
                let (to, value, len) = self.pop3();
                if let Some(len) = self.short_len(&[*mem], len) {
                    self.fill_inline(to, value, len);
                    return true;
                }
                let (to, len) = (self.widen(to), self.widen(len));
                let memory = self.memory_id(*mem);
                self.call_builtin(Builtin::MemoryFill, &[memory, to, value, len]);
            }
            Operator::MemoryCopy { dst_mem, src_mem } => {
                let (to, from, len) = self.pop3();
                if let Some(len) = self.short_len(&[*dst_mem, *src_mem], len) {
                    self.copy_inline(to, from, len);
                    return true;
                }
                let (to, from, len) = (self.widen(to), self.widen(from), self.widen(len));
                let (to_memory, from_memory) = (self.memory_id(*dst_mem), self.memory_id(*src_mem));
                let args = [to_memory, from_memory, to, from, len];
                self.call_builtin(Builtin::MemoryCopy, &args);
            }
            Operator::MemoryInit { data_index, mem } => {
                let (to, from, len) = self.pop3();
                let to = self.widen(to);
                let range = self.pair(from, len);
                let (instance, data) = (self.instance_id(), self.imm32(*data_index));
                let memory = self.memory_id(*mem);
                let args = [instance, data, memory, to, range];
                self.call_builtin(Builtin::MemoryInit, &args);
            }
            Operator::DataDrop { data_index } => {
                let (instance, data) = (self.instance_id(), self.imm32(*data_index));
                self.call_builtin(Builtin::DataDrop, &[instance, data]);
            }
            _ => return false,
        }
        true
    }

    /// A constant length that is worth no call, if the memories are the process's.
    fn short_len(&self, memories: &[u32], len: Value) -> Option<i32> {
        let is_flat = |memory: &u32| self.is_process_memory(*memory);
        let len = memories.iter().all(is_flat).then(|| self.constant_of(len)).flatten()?;
        (1..=SHORT_BYTES_MAX).contains(&len).then_some(len as i32)
    }

    /// All is read before anything is written, and the last bytes are written first: so what is not
    /// all inside traps before anything has changed.
    fn copy_inline(&mut self, to: Value, from: Value, len: i32) {
        let (to, from) = (self.process_address(to), self.process_address(from));
        let (ty, offsets) = pieces(len);
        let flags = self.access_flags(MemoryId::PROCESS);
        let mut values = Vec::with_capacity(offsets.len());
        for offset in &offsets {
            values.push(self.ins().load(ty, flags, from, *offset));
        }
        for (value, offset) in values.into_iter().zip(offsets).rev() {
            self.ins().store(flags, value, to, offset);
        }
    }

    fn fill_inline(&mut self, to: Value, value: Value, len: i32) {
        let to = self.process_address(to);
        let (ty, offsets) = pieces(len);
        let byte = self.ins().ireduce(I8, value);
        let value = match ty {
            I8 => byte,
            I8X16 => self.ins().splat(I8X16, byte),
            ty => {
                let byte = self.ins().uextend(ty, byte);
                let ones = (0x0101_0101_0101_0101_u64 >> (64 - ty.bits())).cast_signed();
                self.ins().imul_imm_s(byte, ones)
            }
        };
        let flags = self.access_flags(MemoryId::PROCESS);
        for offset in offsets.into_iter().rev() {
            self.ins().store(flags, value, to, offset);
        }
    }

    /// This instance's number as an operand of the runtime's functions.
    pub(super) fn instance_id(&mut self) -> Value {
        self.imm32(self.scope.instance.id.0)
    }

    /// Two 32-bit operands in one: the first is the low half.
    pub(super) fn pair(&mut self, low: Value, high: Value) -> Value {
        let (low, high) = (self.widen(low), self.widen(high));
        let high = self.ins().ishl_imm_u(high, 32);
        self.ins().bor(low, high)
    }
}
