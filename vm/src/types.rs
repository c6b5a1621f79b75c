//! WebAssembly types as the runtime sees them.

use std::fmt;

macro_rules! index_types {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[repr(transparent)]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(pub u32);

        impl $name {
            /// The index as a position in a slice.
            #[must_use]
            pub fn index(self) -> usize {
                self.0 as usize
            }
        }
    )*};
}

index_types! {
    /// Position in a module's type section.
    TypeIndex;
    /// Position in a module's function index space; imports come first.
    FuncIndex;
    /// Position among the functions that a module defines; imports do not count.
    DefinedFuncIndex;
    /// Position in a module's table index space; imports come first.
    TableIndex;
    /// Position in a module's memory index space; imports come first.
    MemoryIndex;
    /// Position in a module's global index space; imports come first.
    GlobalIndex;
    /// Position in a module's tag index space; imports come first.
    TagIndex;
    /// Position in a module's element section.
    ElementIndex;
    /// Position in a module's data section.
    DataIndex;
    /// A type of functions, structs or arrays, canonical over the whole process. `0` is no type: it
    /// matches nothing.
    TypeId;
}

/// A heap type: what a reference points to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HeapType {
    /// Any function.
    Func,
    /// No function: only null is one.
    NoFunc,
    /// Anything of the host's.
    Extern,
    /// Nothing of the host's: only null is one.
    NoExtern,
    /// An exception.
    Exn,
    /// No exception: only null is one.
    NoExn,
    /// Whatever the garbage-collected heap holds, `i31`, and what the host gave.
    Any,
    /// What can be compared: structs, arrays, `i31`.
    Eq,
    /// 31 bits in the reference itself.
    I31,
    /// Any struct.
    Struct,
    /// Any array.
    Array,
    /// Nothing of these: only null is one.
    None,
    /// A function, struct or array of one type, by its index in the module.
    Concrete(TypeIndex),
    /// A function, struct or array of one type, whatever module it comes from.
    Canonical(TypeId),
}

/// A reference type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RefType {
    /// Whether null is one of its values.
    pub is_nullable: bool,
    /// What it refers to.
    pub heap: HeapType,
}

impl RefType {
    /// `funcref`
    pub const FUNCREF: RefType = RefType { is_nullable: true, heap: HeapType::Func };
    /// `externref`
    pub const EXTERNREF: RefType = RefType { is_nullable: true, heap: HeapType::Extern };
}

impl fmt::Display for RefType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let heap = match self.heap {
            HeapType::Func => "func",
            HeapType::NoFunc => "nofunc",
            HeapType::Extern => "extern",
            HeapType::NoExtern => "noextern",
            HeapType::Exn => "exn",
            HeapType::NoExn => "noexn",
            HeapType::Any => "any",
            HeapType::Eq => "eq",
            HeapType::I31 => "i31",
            HeapType::Struct => "struct",
            HeapType::Array => "array",
            HeapType::None => "none",
            HeapType::Concrete(TypeIndex(number)) | HeapType::Canonical(TypeId(number)) => {
                let null = if self.is_nullable { "null " } else { "" };
                return write!(f, "(ref {null}{number})");
            }
        };
        match (self.is_nullable, self.heap) {
            (true, HeapType::None) => f.write_str("nullref"),
            (true, _) => write!(f, "{heap}ref"),
            (false, _) => write!(f, "(ref {heap})"),
        }
    }
}

/// The type of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ValType {
    /// 32-bit integer
    I32,
    /// 64-bit integer
    I64,
    /// 32-bit float
    F32,
    /// 64-bit float
    F64,
    /// 128-bit vector
    V128,
    /// reference
    Ref(RefType),
}

impl RefType {
    /// The type with a reference to a type of a module replaced by what `heap` says.
    #[must_use]
    pub fn with_types(self, heap: impl Fn(TypeIndex) -> HeapType) -> Self {
        match self.heap {
            HeapType::Concrete(index) => RefType { heap: heap(index), ..self },
            _ => self,
        }
    }
}

impl ValType {
    /// The type with a reference to a type of a module replaced by what `heap` says.
    #[must_use]
    pub fn with_types(self, heap: impl Fn(TypeIndex) -> HeapType) -> Self {
        match self {
            ValType::Ref(ty) => ValType::Ref(ty.with_types(heap)),
            other => other,
        }
    }
}

impl fmt::Display for ValType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ValType::I32 => f.write_str("i32"),
            ValType::I64 => f.write_str("i64"),
            ValType::F32 => f.write_str("f32"),
            ValType::F64 => f.write_str("f64"),
            ValType::V128 => f.write_str("v128"),
            ValType::Ref(ty) => ty.fmt(f),
        }
    }
}

/// The type of a function.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
pub struct FuncType {
    /// What it takes.
    pub params: Box<[ValType]>,
    /// What it gives.
    pub results: Box<[ValType]>,
}

impl FuncType {
    /// A function type from its parameters and results.
    pub fn new(params: impl Into<Box<[ValType]>>, results: impl Into<Box<[ValType]>>) -> Self {
        FuncType { params: params.into(), results: results.into() }
    }
}

impl fmt::Display for FuncType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_list(f, &self.params)?;
        f.write_str(" -> ")?;
        write_list(f, &self.results)
    }
}

/// What a field or an element holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StorageType {
    /// One byte of an `i32`.
    I8,
    /// Two bytes of an `i32`.
    I16,
    /// A value.
    Value(ValType),
}

impl StorageType {
    /// Its size and alignment.
    #[must_use]
    pub fn bytes(self) -> u32 {
        match self {
            StorageType::I8 => 1,
            StorageType::I16 => 2,
            StorageType::Value(ValType::I32 | ValType::F32 | ValType::Ref(_)) => 4,
            StorageType::Value(ValType::I64 | ValType::F64) => 8,
            StorageType::Value(ValType::V128) => 16,
        }
    }
}

/// A field of a struct, or every element of an array.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FieldType {
    /// What it holds.
    pub storage: StorageType,
    /// Whether it can be assigned.
    pub is_mutable: bool,
}

impl FieldType {
    /// The type with a reference to a type of a module replaced by what `heap` says.
    #[must_use]
    pub fn with_types(self, heap: impl Fn(TypeIndex) -> HeapType) -> Self {
        match self.storage {
            StorageType::Value(ty) => {
                FieldType { storage: StorageType::Value(ty.with_types(heap)), ..self }
            }
            _ => self,
        }
    }
}

/// What a type is a type of.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
pub enum Shape {
    /// Functions; parameters and results stand elsewhere.
    #[default]
    Func,
    /// Structs of these fields.
    Struct(Box<[FieldType]>),
    /// Arrays of such elements.
    Array(FieldType),
}

impl Shape {
    /// The shape with references to types of a module replaced by what `heap` says.
    #[must_use]
    pub fn with_types(&self, heap: impl Fn(TypeIndex) -> HeapType) -> Self {
        match self {
            Shape::Func => Shape::Func,
            Shape::Struct(fields) => {
                Shape::Struct(fields.iter().map(|field| field.with_types(&heap)).collect())
            }
            Shape::Array(element) => Shape::Array(element.with_types(heap)),
        }
    }
}

/// What a type section says of a type besides its parameters and results.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TypeDeclaration {
    /// Whether it is a type of functions, structs or arrays.
    pub shape: Shape,
    /// The type that it is a subtype of.
    pub supertype: Option<TypeIndex>,
    /// Whether no type can be a subtype of it.
    pub is_final: bool,
    /// The first type of its recursive group.
    pub group_start: TypeIndex,
    /// The first type behind its recursive group.
    pub group_end: TypeIndex,
}

fn write_list(f: &mut fmt::Formatter<'_>, types: &[ValType]) -> fmt::Result {
    f.write_str("(")?;
    for (position, ty) in types.iter().enumerate() {
        if position > 0 {
            f.write_str(", ")?;
        }
        write!(f, "{ty}")?;
    }
    f.write_str(")")
}

/// The type of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TableType {
    /// What its elements are.
    pub element: RefType,
    /// Least length in elements.
    pub len_min: u64,
    /// Greatest length in elements.
    pub len_max: Option<u64>,
    /// Whether indices are `i64`.
    pub is_64: bool,
}

/// The type of a memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryType {
    /// Least length in pages.
    pub pages_min: u64,
    /// Greatest length in pages.
    pub pages_max: Option<u64>,
    /// Whether threads may share it.
    pub is_shared: bool,
    /// Whether addresses are `i64`.
    pub is_64: bool,
    /// Binary logarithm of the page size in bytes; 16 but for the custom-page-sizes proposal.
    pub page_size_log2: u32,
}

/// The type of a global.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GlobalType {
    /// What it holds.
    pub value: ValType,
    /// Whether it can be assigned.
    pub is_mutable: bool,
}

impl fmt::Display for GlobalType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_mutable { write!(f, "(mut {})", self.value) } else { self.value.fmt(f) }
    }
}
