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
}

/// Globals are told apart only as far as this: each region takes room in every function that
/// names it, and their number is bounded.
const GLOBAL_REGIONS: u32 = 0x100;
const MEMORY_REGIONS: u32 = 0x100;

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
            Region::Global(slot) => (0x100 + slot.0 % GLOBAL_REGIONS, "global"),
            Region::Memory(memory) => (0x200 + memory.0 % MEMORY_REGIONS, "memory"),
        };
        let description = Cow::Borrowed(description);
        func.dfg.alias_regions.insert(AliasRegionData { user_id, description })
    }
}
