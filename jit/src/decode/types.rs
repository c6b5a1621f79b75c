//! Types as the parser gives them to types as the runtime knows them.

use wasmparser::{AbstractHeapType, CompositeInnerType, RecGroup};

use crate::error::{DecodeError, Feature};
use crate::vm::types::{FuncType, GlobalType, HeapType, MemoryType, RefType, TableType, ValType};

/// Adds the types of one group of the type section.
pub fn rec_group(
    group: RecGroup,
    offset: u64,
    types: &mut Vec<FuncType>,
) -> Result<(), DecodeError> {
    let is_explicit = group.is_explicit_rec_group();
    for ty in group.into_types() {
        let is_plain = ty.is_final && ty.supertype_idxs.is_empty() && !is_explicit;
        let CompositeInnerType::Func(func) = &ty.composite_type.inner else {
            return Err(unsupported(Feature::GarbageCollection, offset));
        };
        if !is_plain {
            return Err(unsupported(Feature::GarbageCollection, offset));
        }
        types.push(func_type(func, offset)?);
    }
    Ok(())
}

fn func_type(ty: &wasmparser::FuncType, offset: u64) -> Result<FuncType, DecodeError> {
    let values = |types: &[wasmparser::ValType]| {
        types.iter().map(|ty| value(*ty, offset)).collect::<Result<Vec<_>, _>>()
    };
    Ok(FuncType::new(values(ty.params())?, values(ty.results())?))
}

/// The type of a value.
pub fn value(ty: wasmparser::ValType, offset: u64) -> Result<ValType, DecodeError> {
    Ok(match ty {
        wasmparser::ValType::I32 => ValType::I32,
        wasmparser::ValType::I64 => ValType::I64,
        wasmparser::ValType::F32 => ValType::F32,
        wasmparser::ValType::F64 => ValType::F64,
        wasmparser::ValType::V128 => ValType::V128,
        wasmparser::ValType::Ref(ty) => ValType::Ref(reference(ty, offset)?),
    })
}

/// A reference type: only the nullable ones without a type of their own.
pub fn reference(ty: wasmparser::RefType, offset: u64) -> Result<RefType, DecodeError> {
    let heap = heap(ty.heap_type(), offset)?;
    if !ty.is_nullable() {
        return Err(unsupported(Feature::FunctionReferences, offset));
    }
    Ok(RefType { is_nullable: true, heap })
}

fn heap(ty: wasmparser::HeapType, offset: u64) -> Result<HeapType, DecodeError> {
    match ty {
        wasmparser::HeapType::Abstract { shared: false, ty } => match ty {
            AbstractHeapType::Func => Ok(HeapType::Func),
            AbstractHeapType::Extern => Ok(HeapType::Extern),
            AbstractHeapType::Exn => Ok(HeapType::Exn),
            AbstractHeapType::NoExn => Err(unsupported(Feature::ExceptionHandling, offset)),
            _ => Err(unsupported(Feature::GarbageCollection, offset)),
        },
        wasmparser::HeapType::Abstract { shared: true, .. } => {
            Err(unsupported(Feature::Threads, offset))
        }
        _ => Err(unsupported(Feature::FunctionReferences, offset)),
    }
}

/// The type of a table.
pub fn table(ty: wasmparser::TableType, offset: u64) -> Result<TableType, DecodeError> {
    Ok(TableType {
        element: reference(ty.element_type, offset)?,
        len_min: ty.initial,
        len_max: ty.maximum,
        is_64: ty.table64,
    })
}

/// The type of a memory.
pub fn memory(ty: wasmparser::MemoryType, offset: u64) -> Result<MemoryType, DecodeError> {
    if ty.shared {
        return Err(unsupported(Feature::Threads, offset));
    }
    Ok(MemoryType {
        pages_min: ty.initial,
        pages_max: ty.maximum,
        is_shared: false,
        is_64: ty.memory64,
        page_size_log2: ty.page_size_log2(),
    })
}

/// The type of a global.
pub fn global(ty: wasmparser::GlobalType, offset: u64) -> Result<GlobalType, DecodeError> {
    Ok(GlobalType { value: value(ty.content_type, offset)?, is_mutable: ty.mutable })
}

/// Something outside any function that cannot be compiled.
pub fn unsupported(feature: Feature, offset: u64) -> DecodeError {
    DecodeError::Unsupported { feature, function: None, offset }
}
