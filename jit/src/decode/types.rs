//! Types as the parser gives them to types as the runtime knows them.

use wasmparser::{AbstractHeapType, CompositeInnerType, RecGroup, UnpackedIndex};

use crate::error::{DecodeError, Feature};
use crate::vm::module::Module;
use crate::vm::types::{
    FieldType, FuncType, GlobalType, HeapType, MemoryType, RefType, Shape, StorageType, TableType,
    TypeDeclaration, TypeIndex, ValType,
};

/// Adds the types of one group of the type section.
pub fn rec_group(group: RecGroup, offset: u64, module: &mut Module) -> Result<(), DecodeError> {
    let index = |position: usize| {
        TypeIndex(u32::try_from(position).expect("validation bounds the number of types"))
    };
    let start = module.types.len();
    let (group_start, group_end) = (index(start), index(start + group.types().len()));
    for ty in group.into_types() {
        let (func, shape) = match &ty.composite_type.inner {
            CompositeInnerType::Func(func) => (func_type(func, offset)?, Shape::Func),
            CompositeInnerType::Array(array) => {
                (FuncType::default(), Shape::Array(field(array.0, offset)?))
            }
            CompositeInnerType::Struct(fields) => {
                let fields = fields.fields.iter().map(|ty| field(*ty, offset));
                (FuncType::default(), Shape::Struct(fields.collect::<Result<_, _>>()?))
            }
            CompositeInnerType::Cont(_) => return Err(unsupported(Feature::Other, offset)),
        };
        let supertype = ty.supertype_idxs.first();
        let supertype = supertype.map(|index| type_index(index.unpack(), offset)).transpose()?;
        module.types.push(func);
        let is_final = ty.is_final;
        let declaration = TypeDeclaration { shape, supertype, is_final, group_start, group_end };
        module.declarations.push(declaration);
    }
    Ok(())
}

/// A type of the module, by its index: the binary format has no other way to name it.
fn type_index(index: UnpackedIndex, offset: u64) -> Result<TypeIndex, DecodeError> {
    match index {
        UnpackedIndex::Module(index) => Ok(TypeIndex(index)),
        _ => Err(unsupported(Feature::Other, offset)),
    }
}

fn func_type(ty: &wasmparser::FuncType, offset: u64) -> Result<FuncType, DecodeError> {
    let values = |types: &[wasmparser::ValType]| {
        types.iter().map(|ty| value(*ty, offset)).collect::<Result<Vec<_>, _>>()
    };
    Ok(FuncType::new(values(ty.params())?, values(ty.results())?))
}

fn field(ty: wasmparser::FieldType, offset: u64) -> Result<FieldType, DecodeError> {
    let storage = match ty.element_type {
        wasmparser::StorageType::I8 => StorageType::I8,
        wasmparser::StorageType::I16 => StorageType::I16,
        wasmparser::StorageType::Val(ty) => StorageType::Value(value(ty, offset)?),
    };
    Ok(FieldType { storage, is_mutable: ty.mutable })
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

/// A reference type.
pub fn reference(ty: wasmparser::RefType, offset: u64) -> Result<RefType, DecodeError> {
    Ok(RefType { is_nullable: ty.is_nullable(), heap: heap(ty.heap_type(), offset)? })
}

/// What references of a type refer to.
pub fn heap(ty: wasmparser::HeapType, offset: u64) -> Result<HeapType, DecodeError> {
    match ty {
        wasmparser::HeapType::Abstract { shared: false, ty } => match ty {
            AbstractHeapType::Func => Ok(HeapType::Func),
            AbstractHeapType::NoFunc => Ok(HeapType::NoFunc),
            AbstractHeapType::Extern => Ok(HeapType::Extern),
            AbstractHeapType::NoExtern => Ok(HeapType::NoExtern),
            AbstractHeapType::Exn => Ok(HeapType::Exn),
            AbstractHeapType::NoExn => Ok(HeapType::NoExn),
            AbstractHeapType::Any => Ok(HeapType::Any),
            AbstractHeapType::Eq => Ok(HeapType::Eq),
            AbstractHeapType::I31 => Ok(HeapType::I31),
            AbstractHeapType::Struct => Ok(HeapType::Struct),
            AbstractHeapType::Array => Ok(HeapType::Array),
            AbstractHeapType::None => Ok(HeapType::None),
            _ => Err(unsupported(Feature::Other, offset)),
        },
        wasmparser::HeapType::Abstract { shared: true, .. } => {
            Err(unsupported(Feature::Other, offset))
        }
        wasmparser::HeapType::Concrete(index) => Ok(HeapType::Concrete(type_index(index, offset)?)),
        wasmparser::HeapType::Exact(_) => Err(unsupported(Feature::Other, offset)),
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
pub fn memory(ty: wasmparser::MemoryType) -> MemoryType {
    MemoryType {
        pages_min: ty.initial,
        pages_max: ty.maximum,
        is_shared: ty.shared,
        is_64: ty.memory64,
        page_size_log2: ty.page_size_log2(),
    }
}

/// The type of a global.
pub fn global(ty: wasmparser::GlobalType, offset: u64) -> Result<GlobalType, DecodeError> {
    Ok(GlobalType { value: value(ty.content_type, offset)?, is_mutable: ty.mutable })
}

/// Something outside any function that cannot be compiled.
pub fn unsupported(feature: Feature, offset: u64) -> DecodeError {
    DecodeError::Unsupported { feature, function: None, offset }
}
