//! Instructions over ranges of memories: the runtime does them.

use cranelift_codegen::ir::{InstBuilder, Value};
use wasmparser::Operator;

use super::Translator;
use crate::vm::context::Builtin;

impl Translator<'_> {
    pub(super) fn bulk(&mut self, op: &Operator<'_>) -> bool {
        match op {
            Operator::MemoryFill { mem } => {
                let (to, value, len) = self.pop3();
                let (to, len) = (self.widen(to), self.widen(len));
                let memory = self.memory_id(*mem);
                self.call_builtin(Builtin::MemoryFill, &[memory, to, value, len]);
            }
            Operator::MemoryCopy { dst_mem, src_mem } => {
                let (to, from, len) = self.pop3();
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
