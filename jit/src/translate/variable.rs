//! Locals, globals, references, and what moves operands about.

use cranelift_codegen::ir::immediates::{Ieee32, Ieee64};
use cranelift_codegen::ir::types::{I32, I64};
use cranelift_codegen::ir::{InstBuilder, MemFlagsData, Value};
use cranelift_frontend::Variable;
use wasmparser::Operator;

use super::region::Region;
use super::{Translator, decoded_type};
use crate::signature::value_type;
use crate::vm::code::TrapCode;
use crate::vm::context::VmContext;
use crate::vm::instance::GlobalPlace;
use crate::vm::types::{FuncIndex, ValType};
use crate::vm::value::RawValue;

impl Translator<'_> {
    pub(super) fn variable(&mut self, op: &Operator<'_>) -> bool {
        match op {
            Operator::LocalGet { local_index } => {
                let (variable, ty) = self.scope.locals[*local_index as usize];
                let value = self.builder.use_var(variable);
                self.learn_type(value, ty);
                self.push(value);
            }
            Operator::LocalSet { local_index } => {
                let (variable, value) = (self.local(*local_index), self.pop());
                self.builder.def_var(variable, value);
            }
            Operator::LocalTee { local_index } => {
                let (variable, value) = (self.local(*local_index), self.peek_n(1)[0]);
                self.builder.def_var(variable, value);
            }
            Operator::GlobalGet { global_index } => self.global_get(*global_index as usize),
            Operator::GlobalSet { global_index } => self.global_set(*global_index as usize),
            Operator::Drop => {
                self.pop();
            }
            Operator::Select => self.select(),
            Operator::TypedSelect { ty } => {
                self.select();
                let result = self.peek_n(1)[0];
                self.note(result, decoded_type(*ty));
            }
            Operator::RefNull { .. } => {
                let null = self.imm32(0);
                self.push(null);
            }
            Operator::RefIsNull => {
                let reference = self.peek_n(1)[0];
                self.test_zero();
                self.facts.note_null_test(self.peek_n(1)[0], reference);
            }
            Operator::RefAsNonNull => {
                let reference = self.peek_n(1)[0];
                self.trap_if_null(reference, TrapCode::NullReference);
            }
            Operator::RefFunc { function_index } => {
                let func = self.scope.instance.func(FuncIndex(*function_index));
                let reference = self.imm32(func.0);
                self.push(reference);
            }
            _ => return false,
        }
        true
    }

    fn select(&mut self) {
        let (left, right, condition) = self.pop3();
        let result = self.ins().select(condition, left, right);
        self.push(result);
    }

    fn local(&self, index: u32) -> Variable {
        self.scope.locals[index as usize].0
    }

    fn global_get(&mut self, index: usize) {
        let ty = self.scope.module.globals[index].value;
        let value = match self.scope.instance.globals[index] {
            GlobalPlace::Constant(value) => self.immediate(ty, value),
            place => {
                let (flags, offset) = self.global_place(place);
                let context = self.context();
                let value = self.ins().load(value_type(ty), flags, context, offset);
                self.note(value, ty);
                value
            }
        };
        self.push(value);
    }

    fn global_set(&mut self, index: usize) {
        let value = self.pop();
        let place = self.scope.instance.globals[index];
        let (flags, offset) = self.global_place(place);
        let context = self.context();
        self.ins().store(flags, value, context, offset);
    }

    fn global_place(&mut self, place: GlobalPlace) -> (MemFlagsData, i32) {
        match place {
            GlobalPlace::StackPointer => {
                (self.trusted(Region::StackPointer), VmContext::STACK_POINTER)
            }
            GlobalPlace::Slot(slot) => (self.trusted(Region::Global(slot)), slot.offset()),
            GlobalPlace::Constant(_) => {
                panic!("a global that `{}` assigns is not constant", self.scope.instance.name)
            }
        }
    }

    /// A value known when the code is made.
    fn immediate(&mut self, ty: ValType, value: RawValue) -> Value {
        match ty {
            ValType::I32 | ValType::Ref(_) => self.ins().iconst(I32, i64::from(value.u32())),
            ValType::I64 => self.ins().iconst(I64, value.i64()),
            ValType::F32 => self.ins().f32const(Ieee32::with_bits(value.u32())),
            ValType::F64 => self.ins().f64const(Ieee64::with_bits(value.u64())),
            ValType::V128 => self.vector_constant(&value.u128().to_le_bytes()),
        }
    }
}
