//! Parts of the address space that do not overlap: a store to one changes no load from another.

use std::borrow::Cow;

use cranelift_codegen::ir::{AliasRegion, AliasRegionData, Function};

use crate::vm::context::GlobalSlot;
use crate::vm::instance::MemoryId;

/// A part of the address space, as alias analysis sees it.
#[derive(Clone, Copy, Debug)]
pub enum Region {
    /// Fields of the context other than those below.
    Context,
    /// `__stack_pointer` in the context.
    StackPointer,
    /// The functions' `VmFuncRef`s.
    Functions,
    /// Elements of any table.
    Table,
    /// Descriptors of memories and tables.
    Descriptor,
    /// Lengths of shared memories.
    SharedLen,
    /// The slot of a global.
    Global(GlobalSlot),
    /// Values of exceptions.
    Exception,
    /// Bytes of a memory.
    Memory(MemoryId),
    /// Headers of objects and lengths of arrays.
    Header,
    /// Where the next object goes, and up to where.
    HeapNext,
    /// The rows of types.
    TypeRow,
    /// Fields of structs so far from their start. Fields of one object at different places do not
    /// overlap, whichever of its types they are accessed by.
    Field(u32),
    /// Elements of arrays, by their size.
    Element(u32),
    /// The frame of baseline code that goes on elsewhere.
    Frame,
}

/// Globals are told apart only as far as this: each region takes room in every function that
/// names it, and their number is bounded.
const GLOBAL_REGIONS: u32 = 0x100;
const MEMORY_REGIONS: u32 = 0x100;
const FIELD_REGIONS: u32 = 0x100;

impl Region {
    /// The region's number in `func`.
    pub fn declare(self, func: &mut Function) -> AliasRegion {
        let (user_id, description) = match self {
            Region::Context => (0, "context"),
            Region::StackPointer => (1, "stack pointer"),
            Region::Functions => (2, "functions"),
            Region::Table => (3, "table"),
            Region::Descriptor => (4, "descriptor"),
            Region::Exception => (5, "exception"),
            Region::SharedLen => (6, "shared length"),
            Region::Header => (7, "header"),
            Region::HeapNext => (8, "next object"),
            Region::TypeRow => (9, "type row"),
            Region::Frame => (10, "frame"),
            Region::Element(bytes) => (0x10 + bytes, "element"),
            Region::Field(at) => (0x300 + at % FIELD_REGIONS, "field"),
            Region::Global(slot) => (0x100 + slot.0 % GLOBAL_REGIONS, "global"),
            Region::Memory(memory) => (0x200 + memory.0 % MEMORY_REGIONS, "memory"),
        };
        let description = Cow::Borrowed(description);
        func.dfg.alias_regions.insert(AliasRegionData { user_id, description })
    }
}
