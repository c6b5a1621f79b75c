//! Constant expressions.

use wasmparser::Operator;

use crate::decode::types::unsupported;
use crate::error::{DecodeError, Feature};
use crate::vm::module::{ConstExpr, ConstOp};
use crate::vm::types::{FuncIndex, GlobalIndex, TypeIndex};
use crate::vm::value::RawValue;

/// Decodes an expression that is known to be valid.
pub fn decode(expr: &wasmparser::ConstExpr<'_>) -> Result<ConstExpr, DecodeError> {
    let mut reader = expr.get_operators_reader();
    let mut ops = Vec::new();
    loop {
        let (op, offset) = reader.read_with_offset()?;
        ops.push(match op {
            Operator::I32Const { value } => ConstOp::Value(value.into()),
            Operator::I64Const { value } => ConstOp::Value(value.into()),
            Operator::F32Const { value } => ConstOp::Value(value.bits().into()),
            Operator::F64Const { value } => ConstOp::Value(value.bits().into()),
            Operator::V128Const { value } => {
                ConstOp::Value(RawValue::from(u128::from_le_bytes(*value.bytes())))
            }
            Operator::GlobalGet { global_index } => ConstOp::GlobalGet(GlobalIndex(global_index)),
            Operator::RefFunc { function_index } => ConstOp::RefFunc(FuncIndex(function_index)),
            Operator::RefNull { .. } => ConstOp::RefNull,
            Operator::StructNew { struct_type_index } => {
                ConstOp::StructNew(TypeIndex(struct_type_index))
            }
            Operator::StructNewDefault { struct_type_index } => {
                ConstOp::StructNewDefault(TypeIndex(struct_type_index))
            }
            Operator::ArrayNew { array_type_index } => {
                ConstOp::ArrayNew(TypeIndex(array_type_index))
            }
            Operator::ArrayNewDefault { array_type_index } => {
                ConstOp::ArrayNewDefault(TypeIndex(array_type_index))
            }
            Operator::ArrayNewFixed { array_type_index, array_size } => {
                ConstOp::ArrayNewFixed(TypeIndex(array_type_index), array_size)
            }
            Operator::RefI31 => ConstOp::RefI31,
            Operator::AnyConvertExtern | Operator::ExternConvertAny => ConstOp::Convert,
            Operator::I32Add => ConstOp::I32Add,
            Operator::I32Sub => ConstOp::I32Sub,
            Operator::I32Mul => ConstOp::I32Mul,
            Operator::I64Add => ConstOp::I64Add,
            Operator::I64Sub => ConstOp::I64Sub,
            Operator::I64Mul => ConstOp::I64Mul,
            Operator::End => break,
            _ => return Err(unsupported(Feature::Other, offset)),
        });
    }
    Ok(ConstExpr { ops })
}
