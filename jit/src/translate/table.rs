//! Instructions on tables other than calls.

use cranelift_codegen::ir::types::I64;
use cranelift_codegen::ir::{InstBuilder, Value};
use wasmparser::Operator;

use super::Translator;
use super::region::Region;
use crate::vm::context::{Builtin, VmContext, VmDescriptor};
use crate::vm::instance::TableId;
use crate::vm::types::ValType;

impl Translator<'_> {
    pub(super) fn table(&mut self, op: &Operator<'_>) -> bool {
        match op {
            Operator::TableGet { table } => {
                let index = self.pop();
                let index = self.widen(index);
                let id = self.table_id(*table);
                let element = self
                    .call_builtin(Builtin::TableGet, &[id, index])
                    .expect("`TableGet` has a result");
                self.note(element, ValType::Ref(self.scope.module.tables[*table as usize].element));
                self.push(element);
            }
            Operator::TableSet { table } => {
                let (index, value) = self.pop2();
                let index = self.widen(index);
                let table = self.table_id(*table);
                self.call_builtin(Builtin::TableSet, &[table, index, value]);
            }
            Operator::TableSize { table } => {
                let len = self.table_len(*table);
                let len = self.narrow(len, self.scope.module.tables[*table as usize].is_64);
                self.push(len);
            }
            Operator::TableGrow { table } => {
                let (init, elements) = self.pop2();
                let elements = self.widen(elements);
                let id = self.table_id(*table);
                let old = self
                    .call_builtin(Builtin::TableGrow, &[id, init, elements])
                    .expect("`TableGrow` has a result");
                let old = self.narrow(old, self.scope.module.tables[*table as usize].is_64);
                self.push(old);
            }
            Operator::TableFill { table } => {
                let (to, init, len) = self.pop3();
                let (to, len) = (self.widen(to), self.widen(len));
                let table = self.table_id(*table);
                self.call_builtin(Builtin::TableFill, &[table, to, init, len]);
            }
            Operator::TableCopy { dst_table, src_table } => {
                let (to, from, len) = self.pop3();
                let (to, from, len) = (self.widen(to), self.widen(from), self.widen(len));
                let (to_table, from_table) = (self.table_id(*dst_table), self.table_id(*src_table));
                let args = [to_table, from_table, to, from, len];
                self.call_builtin(Builtin::TableCopy, &args);
            }
            Operator::TableInit { elem_index, table } => {
                let (to, from, len) = self.pop3();
                let to = self.widen(to);
                let range = self.pair(from, len);
                let (instance, element) = (self.instance_id(), self.imm32(*elem_index));
                let table = self.table_id(*table);
                let args = [instance, element, table, to, range];
                self.call_builtin(Builtin::TableInit, &args);
            }
            Operator::ElemDrop { elem_index } => {
                let (instance, element) = (self.instance_id(), self.imm32(*elem_index));
                self.call_builtin(Builtin::ElementDrop, &[instance, element]);
            }
            _ => return false,
        }
        true
    }

    /// A table's process-wide number as an operand of the runtime's functions.
    fn table_id(&mut self, table: u32) -> Value {
        self.imm32(self.scope.instance.tables[table as usize].id.0)
    }

    /// A table's length in elements.
    pub(super) fn table_len(&mut self, table: u32) -> Value {
        let place = self.scope.instance.tables[table as usize];
        let context = self.context();
        if place.id == TableId::PROCESS {
            let flags = self.trusted(Region::Context);
            return self.ins().load(I64, flags, context, VmContext::TABLE_LEN);
        }
        let flags = self.trusted(Region::Descriptor);
        self.ins().load(I64, flags, context, place.descriptor.offset() + VmDescriptor::LEN)
    }
}
