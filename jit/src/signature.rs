//! How wasm types and the runtime's functions look to Cranelift.

use cranelift_codegen::ir::types::{F32, F64, I8X16, I32, I64};
use cranelift_codegen::ir::{AbiParam, Signature, Type};
use cranelift_codegen::isa::CallConv;

use crate::vm::context::Builtin;
use crate::vm::types::{FuncType, ValType};

/// What a value of a wasm type is in a register.
pub fn value_type(ty: ValType) -> Type {
    match ty {
        ValType::I32 | ValType::Ref(_) => I32,
        ValType::I64 => I64,
        ValType::F32 => F32,
        ValType::F64 => F64,
        ValType::V128 => I8X16,
    }
}

/// The signature of compiled wasm functions: that of the wasm type, nothing added.
pub fn wasm(ty: &FuncType) -> Signature {
    let abi = |types: &[ValType]| types.iter().map(|ty| AbiParam::new(value_type(*ty))).collect();
    Signature { params: abi(&ty.params), returns: abi(&ty.results), call_conv: CallConv::Tail }
}

/// The signature of a function of the runtime; the context comes first.
pub fn builtin(builtin: Builtin) -> Signature {
    let (params, result): (&[Type], Option<Type>) = match builtin {
        Builtin::MemoryGrow => (&[I32, I64], Some(I64)),
        Builtin::MemoryFill => (&[I32, I64, I32, I64], None),
        Builtin::MemoryCopy | Builtin::TableCopy => (&[I32, I32, I64, I64, I64], None),
        Builtin::MemoryInit | Builtin::TableInit => (&[I32, I32, I32, I64, I64], None),
        Builtin::MemoryWait32 => (&[I32, I64, I32, I64], Some(I32)),
        Builtin::MemoryWait64 => (&[I32, I64, I64, I64], Some(I32)),
        Builtin::MemoryNotify => (&[I32, I64, I32], Some(I32)),
        Builtin::DataDrop | Builtin::ElementDrop => (&[I32, I32], None),
        Builtin::TableGrow => (&[I32, I32, I64], Some(I64)),
        Builtin::TableFill => (&[I32, I64, I32, I64], None),
        Builtin::TableGet => (&[I32, I64], Some(I32)),
        Builtin::TableSet => (&[I32, I64, I32], None),
        Builtin::IndirectCallFailed => (&[I64, I32], None),
        Builtin::HostCall | Builtin::Throw => (&[I32, I64], None),
        Builtin::TierUp => (&[I32, I32], Some(I64)),
        Builtin::ThrowRef => (&[I32], None),
        Builtin::StructNew => (&[I32], Some(I32)),
        Builtin::ArrayNew => (&[I32, I32], Some(I32)),
        Builtin::ArrayNewData | Builtin::ArrayNewElement => (&[I32, I32, I32, I64], Some(I32)),
        Builtin::ArrayInitData | Builtin::ArrayInitElement => (&[I32, I32, I32, I32, I64], None),
        Builtin::ArrayCopy => (&[I32, I32, I32, I32, I32], None),
    };
    let mut signature = Signature::new(CallConv::SystemV);
    signature.params.push(AbiParam::new(I64));
    signature.params.extend(params.iter().map(|ty| AbiParam::new(*ty)));
    signature.returns.extend(result.map(AbiParam::new));
    signature
}
