//! What the linked module can hold, and how code that is written names it.

use std::collections::BTreeSet;

use dynvm_loader::dso::DsoId;
use dynvm_loader::plan::Function;

/// A global of the linked module.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum GlobalNode {
    /// `__stack_pointer`.
    StackPointer,
    /// A dso's own, by its position among those that it defines.
    Dso(DsoId, u32),
    /// An imported number that the dso changes: the import's index, and the first value.
    Cell(DsoId, u32, u64),
    /// One of those that keep the list of exit handlers where no libc does.
    Exit(ExitGlobal),
}

/// What the list of exit handlers is kept in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum ExitGlobal {
    /// Address of the newest entry; 0 if there is none.
    Head,
    /// Address of the next entry to be.
    Free,
    /// Where the room for entries ends.
    End,
}

/// A memory of the linked module.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum MemoryNode {
    /// The process memory.
    Process,
    /// A dso's own, by its position among those that it defines.
    Dso(DsoId, u32),
}

/// A table of the linked module.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum TableNode {
    /// The process table.
    Process,
    /// A dso's own, by its position among those that it defines.
    Dso(DsoId, u32),
}

/// A tag of the linked module.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum TagNode {
    /// A dso's own, by its position among those that it defines.
    Dso(DsoId, u32),
    /// A language's, which no dso defines.
    Language(String),
}

/// A segment that code names: `memory.init`, `table.init` and what drops them.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum SegmentNode {
    /// What stands in for segments that are empty once the module is instantiated.
    Empty,
    /// A passive segment of a dso.
    Dso(DsoId, u32),
}

/// Gives what code names its index in the linked module, or finds out that it is named.
pub(crate) trait Namer {
    fn function(&mut self, function: &Function) -> u32;
    /// A function whose reference is taken.
    fn function_reference(&mut self, function: &Function) -> u32;
    fn global(&mut self, global: &GlobalNode) -> u32;
    fn memory(&mut self, memory: &MemoryNode) -> u32;
    fn table(&mut self, table: &TableNode) -> u32;
    fn tag(&mut self, tag: &TagNode) -> u32;
    fn data(&mut self, segment: SegmentNode) -> u32;
    fn element(&mut self, segment: SegmentNode) -> u32;
}

/// What the linked module holds, each kind in the order in which it is written.
#[derive(Debug, Default)]
pub(crate) struct Live {
    pub(crate) functions: BTreeSet<Function>,
    /// Functions whose reference some code takes.
    pub(crate) references: BTreeSet<Function>,
    pub(crate) globals: BTreeSet<GlobalNode>,
    pub(crate) memories: BTreeSet<MemoryNode>,
    pub(crate) tables: BTreeSet<TableNode>,
    pub(crate) tags: BTreeSet<TagNode>,
    pub(crate) data: BTreeSet<SegmentNode>,
    pub(crate) elements: BTreeSet<SegmentNode>,
    /// What was named and whose own names were not looked at yet.
    pub(crate) pending: Vec<Pending>,
}

/// Something that names other things itself.
#[derive(Clone, Debug)]
pub(crate) enum Pending {
    Function(Function),
    Global(GlobalNode),
    Table(TableNode),
    Element(SegmentNode),
}

impl Namer for Live {
    fn function(&mut self, function: &Function) -> u32 {
        if !self.functions.contains(function) {
            self.functions.insert(function.clone());
            self.pending.push(Pending::Function(function.clone()));
        }
        0
    }

    fn function_reference(&mut self, function: &Function) -> u32 {
        if !self.references.contains(function) {
            self.references.insert(function.clone());
        }
        self.function(function)
    }

    fn global(&mut self, global: &GlobalNode) -> u32 {
        if self.globals.insert(global.clone()) {
            self.pending.push(Pending::Global(global.clone()));
        }
        0
    }

    fn memory(&mut self, memory: &MemoryNode) -> u32 {
        self.memories.insert(memory.clone());
        0
    }

    fn table(&mut self, table: &TableNode) -> u32 {
        if self.tables.insert(table.clone()) {
            self.pending.push(Pending::Table(table.clone()));
        }
        0
    }

    fn tag(&mut self, tag: &TagNode) -> u32 {
        self.tags.insert(tag.clone());
        0
    }

    fn data(&mut self, segment: SegmentNode) -> u32 {
        self.data.insert(segment);
        0
    }

    fn element(&mut self, segment: SegmentNode) -> u32 {
        if self.elements.insert(segment.clone()) {
            self.pending.push(Pending::Element(segment));
        }
        0
    }
}
