//! A decoded, validated module: inert, without a place in any process.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use crate::name::Name;
use crate::types::{
    DataIndex, ElementIndex, FuncIndex, FuncType, GlobalIndex, GlobalType, MemoryIndex, MemoryType,
    RefType, TableIndex, TableType, TagIndex, TypeDeclaration, TypeIndex,
};
use crate::value::RawValue;

/// A decoded module. `jit::decode` makes it; nothing changes it afterwards.
#[derive(Debug, Default)]
pub struct Module {
    /// The binary it came from; `bodies` and `custom_sections` are ranges of it.
    pub bytes: Arc<Vec<u8>>,
    /// A hash of `bytes`, set by whoever needs it first.
    pub digest: OnceLock<[u8; 32]>,
    /// Name given by the name section, if any.
    pub name: Option<String>,
    /// The type section; what is no function type is one without parameters and results here, and
    /// has its shape in `declarations`.
    pub types: Vec<FuncType>,
    /// What the type section says besides; as long as `types`.
    pub declarations: Vec<TypeDeclaration>,
    /// Imports in order.
    pub imports: Vec<Import>,
    /// Type of each function, imports first.
    pub functions: Vec<TypeIndex>,
    /// How many of `functions` are imports.
    pub imported_functions: u32,
    /// Type of each table, imports first.
    pub tables: Vec<TableType>,
    /// How many of `tables` are imports.
    pub imported_tables: u32,
    /// Initial value of each defined table's elements; `None` is null.
    pub table_inits: Vec<Option<ConstExpr>>,
    /// Type of each memory, imports first.
    pub memories: Vec<MemoryType>,
    /// How many of `memories` are imports.
    pub imported_memories: u32,
    /// Type of each global, imports first.
    pub globals: Vec<GlobalType>,
    /// How many of `globals` are imports.
    pub imported_globals: u32,
    /// Initial value of each defined global.
    pub global_inits: Vec<ConstExpr>,
    /// Whether some function assigns the global (`global.set`); as long as `globals`.
    pub globals_assigned: Vec<bool>,
    /// Type of each tag, imports first.
    pub tags: Vec<TypeIndex>,
    /// How many of `tags` are imports.
    pub imported_tags: u32,
    /// Exports in order.
    pub exports: Vec<Export>,
    /// The start section.
    pub start: Option<FuncIndex>,
    /// Element segments.
    pub elements: Vec<ElementSegment>,
    /// Data segments.
    pub data: Vec<DataSegment>,
    /// Body of each defined function (locals and code) as a range of `bytes`.
    pub bodies: Vec<Range<usize>>,
    /// Function names of the name section, as ranges of `bytes` that hold UTF-8: sorted by index,
    /// imports included where named.
    pub function_names: Vec<(FuncIndex, Range<usize>)>,
    /// Custom sections in order: name and content.
    pub custom_sections: Vec<CustomSection>,
    /// Where the code section's content starts in `bytes`: DWARF addresses count from there.
    pub code_section_offset: usize,
}

/// A custom section.
#[derive(Clone, Debug)]
pub struct CustomSection {
    /// Its name.
    pub name: String,
    /// Its content as a range of `Module::bytes`.
    pub range: Range<usize>,
    /// Whether it is the very first section of the module.
    pub is_first: bool,
}

/// The kind and type of something imported or exported.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum EntityType {
    /// A function of this type.
    Func(TypeIndex),
    /// A table.
    Table(TableType),
    /// A memory.
    Memory(MemoryType),
    /// A global.
    Global(GlobalType),
    /// A tag whose payload is the parameters of this type.
    Tag(TypeIndex),
}

/// An import.
#[derive(Clone, Debug)]
pub struct Import {
    /// Module name, the first of the two.
    pub module: Name,
    /// Field name, the second.
    pub field: Name,
    /// What must be given.
    pub ty: EntityType,
}

/// What an export names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Entity {
    /// A function.
    Func(FuncIndex),
    /// A table.
    Table(TableIndex),
    /// A memory.
    Memory(MemoryIndex),
    /// A global.
    Global(GlobalIndex),
    /// A tag.
    Tag(TagIndex),
}

/// An export.
#[derive(Clone, Debug)]
pub struct Export {
    /// Its name.
    pub name: Name,
    /// What it names.
    pub entity: Entity,
}

/// A constant expression: a stack program without control flow.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ConstExpr {
    /// The operators in order, without the final `end`.
    pub ops: Vec<ConstOp>,
}

/// An operator of a constant expression.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ConstOp {
    /// `i32.const`, `i64.const`, `f32.const`, `f64.const`, `v128.const`
    Value(RawValue),
    /// `global.get`
    GlobalGet(GlobalIndex),
    /// `ref.func`
    RefFunc(FuncIndex),
    /// `ref.null`
    RefNull,
    /// `struct.new`: a field for each operand.
    StructNew(TypeIndex),
    /// `struct.new_default`
    StructNewDefault(TypeIndex),
    /// `array.new`
    ArrayNew(TypeIndex),
    /// `array.new_default`
    ArrayNewDefault(TypeIndex),
    /// `array.new_fixed` of so many elements.
    ArrayNewFixed(TypeIndex, u32),
    /// `ref.i31`
    RefI31,
    /// `any.convert_extern`, `extern.convert_any`: both leave the reference as it is.
    Convert,
    /// `i32.add`
    I32Add,
    /// `i32.sub`
    I32Sub,
    /// `i32.mul`
    I32Mul,
    /// `i64.add`
    I64Add,
    /// `i64.sub`
    I64Sub,
    /// `i64.mul`
    I64Mul,
}

impl ConstOp {
    /// Whether it makes an object on the garbage-collected heap.
    #[must_use]
    pub fn is_allocation(&self) -> bool {
        matches!(
            self,
            ConstOp::StructNew(_)
                | ConstOp::StructNewDefault(_)
                | ConstOp::ArrayNew(_)
                | ConstOp::ArrayNewDefault(_)
                | ConstOp::ArrayNewFixed(..)
        )
    }
}

/// When a segment is used.
#[derive(Clone, Debug)]
pub enum SegmentMode<I> {
    /// Copied at instantiation.
    Active {
        /// The table or memory it goes to.
        target: I,
        /// Where.
        offset: ConstExpr,
    },
    /// Copied by `table.init` or `memory.init`.
    Passive,
    /// Only declares functions for `ref.func`.
    Declared,
}

/// An element segment.
#[derive(Clone, Debug)]
pub struct ElementSegment {
    /// When and where it is copied.
    pub mode: SegmentMode<TableIndex>,
    /// Type of its elements.
    pub ty: RefType,
    /// Its elements.
    pub items: ElementItems,
}

/// The elements of a segment.
#[derive(Clone, Debug)]
pub enum ElementItems {
    /// Function indices.
    Functions(Vec<FuncIndex>),
    /// Expressions.
    Expressions(Vec<ConstExpr>),
}

impl ElementItems {
    /// How many elements there are.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            ElementItems::Functions(items) => items.len(),
            ElementItems::Expressions(items) => items.len(),
        }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A data segment.
#[derive(Clone, Debug)]
pub struct DataSegment {
    /// When and where it is copied.
    pub mode: SegmentMode<MemoryIndex>,
    /// Its bytes as a range of `Module::bytes`.
    pub range: Range<usize>,
}

impl Module {
    /// Content of the first custom section called `name`.
    #[must_use]
    pub fn custom_section(&self, name: &str) -> Option<&[u8]> {
        let section = self.custom_sections.iter().find(|section| section.name == name)?;
        Some(&self.bytes[section.range.clone()])
    }

    /// Type of a function, imported or defined.
    #[must_use]
    pub fn func_type(&self, func: FuncIndex) -> &FuncType {
        &self.types[self.functions[func.index()].index()]
    }

    /// The index among defined functions, or `None` for an import.
    #[must_use]
    pub fn defined_func(&self, func: FuncIndex) -> Option<crate::types::DefinedFuncIndex> {
        func.0.checked_sub(self.imported_functions).map(crate::types::DefinedFuncIndex)
    }

    /// Name of a function: name section, else its import or export name, else `func[N]`.
    #[must_use]
    pub fn func_name(&self, func: FuncIndex) -> String {
        if let Ok(found) = self.function_names.binary_search_by_key(&func, |(index, _)| *index) {
            let name = &self.bytes[self.function_names[found].1.clone()];
            return String::from_utf8_lossy(name).into_owned();
        }
        if func.0 < self.imported_functions {
            let mut imports =
                self.imports.iter().filter(|import| matches!(import.ty, EntityType::Func(_)));
            if let Some(import) = imports.nth(func.index()) {
                return import.field.to_string();
            }
        }
        let export = self.exports.iter().find(|export| export.entity == Entity::Func(func));
        export.map_or_else(|| format!("func[{}]", func.0), |export| export.name.to_string())
    }

    /// [`Module::func_name`] of every function that the module defines, in their order. The cost is
    /// that of one look at each name and export.
    pub fn defined_func_names(&self) -> impl Iterator<Item = Cow<'_, str>> {
        let mut exported: HashMap<FuncIndex, &str> = HashMap::new();
        for export in &self.exports {
            if let Entity::Func(func) = export.entity {
                exported.entry(func).or_insert(&export.name);
            }
        }
        (self.imported_functions..self.functions.len() as u32).map(FuncIndex).map(move |func| {
            let named = self.function_names.binary_search_by_key(&func, |(index, _)| *index);
            match (named, exported.get(&func)) {
                (Ok(found), _) => {
                    String::from_utf8_lossy(&self.bytes[self.function_names[found].1.clone()])
                }
                (Err(_), Some(name)) => Cow::Borrowed(*name),
                (Err(_), None) => Cow::Owned(format!("func[{}]", func.0)),
            }
        })
    }

    /// What is exported under `name`.
    #[must_use]
    pub fn export(&self, name: &str) -> Option<Entity> {
        self.exports.iter().find(|export| *export.name == *name).map(|export| export.entity)
    }
}

impl fmt::Display for Import {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.module, self.field)
    }
}

impl DataSegment {
    /// Whether `index` names an active segment's data is told by its mode.
    #[must_use]
    pub fn is_active(&self) -> bool {
        matches!(self.mode, SegmentMode::Active { .. })
    }
}

/// A segment that `memory.init` or `table.init` names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SegmentIndex {
    /// A data segment.
    Data(DataIndex),
    /// An element segment.
    Element(ElementIndex),
}
