//! Constant expressions: initial values of globals, offsets and elements of segments.

use crate::error::Error;
use crate::instance::Instance;
use crate::module::{ConstExpr, ConstOp};
use crate::process::Process;
use crate::trap::Stop;
use crate::types::{Shape, TypeIndex};
use crate::value::RawValue;

impl Process {
    /// Evaluates a validated expression of `instance`, whose globals up to those that it reads are
    /// known. Before it makes objects, dead ones may be collected.
    ///
    /// # Errors
    /// If the garbage-collected heap has no room.
    ///
    /// # Panics
    /// If the expression was not validated.
    pub(crate) fn evaluate(
        &mut self,
        instance: &Instance,
        expr: &ConstExpr,
    ) -> Result<RawValue, Stop> {
        if expr.ops.iter().any(ConstOp::is_allocation) {
            self.collect_if_due().map_err(crate::collect::out_of_memory)?;
        }
        // Beyond this point no object moves.

        let mut stack = Stack(Vec::with_capacity(2));
        for op in &expr.ops {
            let value = match *op {
                ConstOp::Value(value) => value,
                ConstOp::GlobalGet(index) => self.read_global(instance.globals[index.index()]),
                ConstOp::RefFunc(index) => instance.func(index).0.into(),
                ConstOp::RefNull => RawValue::ZERO,
                ConstOp::I32Add => stack.binary(|a, b| a.i32().wrapping_add(b.i32()).into()),
                ConstOp::I32Sub => stack.binary(|a, b| a.i32().wrapping_sub(b.i32()).into()),
                ConstOp::I32Mul => stack.binary(|a, b| a.i32().wrapping_mul(b.i32()).into()),
                ConstOp::I64Add => stack.binary(|a, b| a.i64().wrapping_add(b.i64()).into()),
                ConstOp::I64Sub => stack.binary(|a, b| a.i64().wrapping_sub(b.i64()).into()),
                ConstOp::I64Mul => stack.binary(|a, b| a.i64().wrapping_mul(b.i64()).into()),
                ConstOp::RefI31 => (stack.pop().u32() << 1 | 1).into(),
                ConstOp::Convert => continue,
                allocation => self.make(instance, allocation, &mut stack)?,
            };
            stack.0.push(value);
        }
        Ok(stack.pop())
    }

    /// The object that an operator makes.
    fn make(
        &mut self,
        instance: &Instance,
        op: ConstOp,
        stack: &mut Stack,
    ) -> Result<RawValue, Stop> {
        let id = |ty: TypeIndex| instance.types[ty.index()];
        let object = match op {
            ConstOp::StructNew(ty) => {
                let Shape::Struct(fields) = self.types.shape(id(ty)) else {
                    unreachable!("validated: type {} is one of structs", ty.0);
                };
                let values = stack.pop_n(fields.len());
                self.constant_struct(id(ty), Some(&values))?
            }
            ConstOp::StructNewDefault(ty) => self.constant_struct(id(ty), None)?,
            ConstOp::ArrayNew(ty) => {
                let (len, value) = (stack.pop().u32(), stack.pop());
                let array = self.constant_array(id(ty), len)?;
                (0..len).for_each(|index| self.set_element(array, index, value));
                array
            }
            ConstOp::ArrayNewDefault(ty) => {
                let len = stack.pop().u32();
                self.constant_array(id(ty), len)?
            }
            ConstOp::ArrayNewFixed(ty, len) => {
                let values = stack.pop_n(len as usize);
                let array = self.constant_array(id(ty), len)?;
                for (index, value) in (0..).zip(values) {
                    self.set_element(array, index, value);
                }
                array
            }
            other => unreachable!("{other:?} makes no object"),
        };
        Ok(object.into())
    }
}

/// The operands.
struct Stack(Vec<RawValue>);

impl Stack {
    fn pop(&mut self) -> RawValue {
        self.0.pop().expect("a validated operator has its operands")
    }

    /// In the order in which they were pushed.
    fn pop_n(&mut self, count: usize) -> Vec<RawValue> {
        let first = self.0.len().checked_sub(count);
        self.0.split_off(first.expect("a validated operator has its operands"))
    }

    fn binary(&mut self, op: impl Fn(RawValue, RawValue) -> RawValue) -> RawValue {
        let (right, left) = (self.pop(), self.pop());
        op(left, right)
    }
}

/// What stopped an expression where nothing but a lack of room can.
pub(crate) fn heap_error(stop: &Stop) -> Error {
    Error::Heap { message: stop.to_string() }
}
