//! Constant expressions: initial values of globals, offsets and elements of segments.

use crate::instance::{Callee, GlobalPlace};
use crate::module::{ConstExpr, ConstOp};
use crate::value::RawValue;

/// Evaluates a validated expression. `read` gives the value of a global that is already known.
///
/// # Panics
/// If the expression was not validated.
pub(crate) fn evaluate(
    expr: &ConstExpr,
    globals: &[GlobalPlace],
    functions: &[Callee],
    read: impl Fn(GlobalPlace) -> RawValue,
) -> RawValue {
    let mut stack: Vec<RawValue> = Vec::with_capacity(2);
    for op in &expr.ops {
        let value = match *op {
            ConstOp::Value(value) => value,
            ConstOp::GlobalGet(index) => read(globals[index.index()]),
            ConstOp::RefFunc(index) => functions[index.index()].func.0.into(),
            ConstOp::RefNull => RawValue::ZERO,
            ConstOp::I32Add => binary(&mut stack, |a, b| a.i32().wrapping_add(b.i32()).into()),
            ConstOp::I32Sub => binary(&mut stack, |a, b| a.i32().wrapping_sub(b.i32()).into()),
            ConstOp::I32Mul => binary(&mut stack, |a, b| a.i32().wrapping_mul(b.i32()).into()),
            ConstOp::I64Add => binary(&mut stack, |a, b| a.i64().wrapping_add(b.i64()).into()),
            ConstOp::I64Sub => binary(&mut stack, |a, b| a.i64().wrapping_sub(b.i64()).into()),
            ConstOp::I64Mul => binary(&mut stack, |a, b| a.i64().wrapping_mul(b.i64()).into()),
        };
        stack.push(value);
    }
    stack.pop().expect("a validated constant expression leaves one value")
}

fn binary(stack: &mut Vec<RawValue>, op: impl Fn(RawValue, RawValue) -> RawValue) -> RawValue {
    let right = stack.pop().expect("a validated operator has two operands");
    let left = stack.pop().expect("a validated operator has two operands");
    op(left, right)
}
