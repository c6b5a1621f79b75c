//! Where the fields of structs and the elements of arrays are, as compiled code and the collector
//! see them.
//!
//! ```text
//!            0        4        8
//! struct     header   fields in order, each at the next multiple of its size
//! array      header   length   elements
//! ```
//! The header is the object's [`TypeId`], with [`ARRAY_BIT`] for arrays. An object starts at a
//! multiple of 8 bytes; a vector may lie at any.

use crate::registry::TypeRegistry;
use crate::types::{FieldType, HeapType, RefType, Shape, StorageType, TypeId, ValType};

/// Set in the header of arrays.
pub const ARRAY_BIT: u32 = 1 << 30;
/// The length of an array, from its start.
pub const ARRAY_LEN: u32 = 4;
/// The first element of an array, from its start.
pub const ARRAY_ELEMENTS: u32 = 8;
/// What starts and sizes of objects are multiples of.
pub const OBJECT_ALIGN: u32 = 8;
/// Bytes of a type's row: the type itself and its supertypes, each at the place that its depth
/// says, with zeros behind. So whether a type is a subtype of another takes one load.
pub const TYPE_ROW_BYTES: usize = 256;
/// How many types a process can have.
pub const TYPES_MAX: usize = 1 << 22;

/// Where the fields of a struct are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StructLayout {
    /// Offset of each field from the object's start.
    pub offsets: Box<[u32]>,
    /// Size of the object.
    pub size_bytes: u32,
}

impl StructLayout {
    /// The layout of a struct. That of a subtype starts with that of its supertype.
    #[must_use]
    pub fn new(fields: &[FieldType]) -> Self {
        let mut end = 4_u32;
        let mut offsets = Vec::with_capacity(fields.len());
        for field in fields {
            let bytes = field.storage.bytes();
            let start = end.next_multiple_of(bytes.min(OBJECT_ALIGN));
            offsets.push(start);
            end = start + bytes;
        }
        StructLayout { offsets: offsets.into(), size_bytes: end.next_multiple_of(OBJECT_ALIGN) }
    }
}

/// The size of an array of `len` elements of `element_bytes` bytes.
#[must_use]
pub fn array_size_bytes(element_bytes: u32, len: u32) -> u64 {
    let elements = u64::from(element_bytes) * u64::from(len);
    (u64::from(ARRAY_ELEMENTS) + elements).next_multiple_of(u64::from(OBJECT_ALIGN))
}

/// The header of an object of this type.
#[must_use]
pub fn header(ty: TypeId, shape: &Shape) -> u32 {
    if matches!(shape, Shape::Array(_)) { ty.0 | ARRAY_BIT } else { ty.0 }
}

/// What the collector must know of objects of a type.
#[derive(Clone, Debug, Default)]
pub(crate) enum Layout {
    /// No objects are of this type.
    #[default]
    None,
    /// Structs.
    Struct {
        size_bytes: u32,
        /// Offsets of the references that it follows.
        managed: Box<[u32]>,
        /// Offsets of references to exceptions.
        exceptions: Box<[u32]>,
    },
    /// Arrays.
    Array {
        element_bytes: u32,
        /// Whether it follows the elements.
        is_managed: bool,
        /// Whether they refer to exceptions.
        is_exceptions: bool,
    },
}

impl Layout {
    /// The layout of objects of type `id`.
    pub(crate) fn new(types: &TypeRegistry, id: TypeId) -> Self {
        let is_managed = |field: &FieldType| match field.storage {
            StorageType::Value(ty) => types.is_managed(ty),
            _ => false,
        };
        match types.shape(id) {
            Shape::Func => Layout::None,
            Shape::Array(element) => Layout::Array {
                element_bytes: element.storage.bytes(),
                is_managed: is_managed(element),
                is_exceptions: is_exception(element),
            },
            Shape::Struct(fields) => {
                let StructLayout { offsets, size_bytes } = StructLayout::new(fields);
                let offsets_of = |is_wanted: &dyn Fn(&FieldType) -> bool| {
                    let fields = fields.iter().zip(&offsets);
                    fields
                        .filter(|(field, _)| is_wanted(field))
                        .map(|(_, offset)| *offset)
                        .collect()
                };
                Layout::Struct {
                    size_bytes,
                    managed: offsets_of(&is_managed),
                    exceptions: offsets_of(&is_exception),
                }
            }
        }
    }

    /// Whether objects of this type hold references to exceptions.
    pub(crate) fn has_exceptions(&self) -> bool {
        match self {
            Layout::None => false,
            Layout::Struct { exceptions, .. } => !exceptions.is_empty(),
            Layout::Array { is_exceptions, .. } => *is_exceptions,
        }
    }
}

fn is_exception(field: &FieldType) -> bool {
    let StorageType::Value(ValType::Ref(RefType { heap, .. })) = field.storage else {
        return false;
    };
    heap == HeapType::Exn
}

#[cfg(test)]
mod tests {
    use super::StructLayout;
    use crate::types::{FieldType, StorageType, ValType};

    #[track_caller]
    fn check(storages: &[StorageType], offsets: &[u32], size_bytes: u32) {
        let fields =
            storages.iter().map(|storage| FieldType { storage: *storage, is_mutable: true });
        let layout = StructLayout::new(&fields.collect::<Vec<_>>());
        assert_eq!((&*layout.offsets, layout.size_bytes), (offsets, size_bytes), "{storages:?}");
    }

    #[test]
    fn fields_lie_at_multiples_of_their_size() {
        let (i32, i64) = (StorageType::Value(ValType::I32), StorageType::Value(ValType::I64));
        let v128 = StorageType::Value(ValType::V128);
        check(&[], &[], 8);
        check(&[i32], &[4], 8);
        check(&[i32, i32, i32], &[4, 8, 12], 16);
        check(&[StorageType::I8, StorageType::I16, i64], &[4, 6, 8], 16);
        check(&[i64, StorageType::I8, i32], &[8, 16, 20], 24);
        check(&[v128, StorageType::I8], &[8, 24], 32);
    }
}
