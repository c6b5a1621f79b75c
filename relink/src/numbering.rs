//! The index of everything that the linked module holds.

use std::collections::HashMap;
use std::hash::Hash;

use dynvm_loader::plan::Function;

use crate::node::{GlobalNode, Live, MemoryNode, Namer, SegmentNode, TableNode, TagNode};

/// The index of everything that the linked module holds.
pub(crate) struct Numbering {
    functions: HashMap<Function, u32>,
    globals: HashMap<GlobalNode, u32>,
    memories: HashMap<MemoryNode, u32>,
    tables: HashMap<TableNode, u32>,
    tags: HashMap<TagNode, u32>,
    data: HashMap<SegmentNode, u32>,
    elements: HashMap<SegmentNode, u32>,
}

impl Numbering {
    /// Numbers what is live: functions with the imports first, globals in the order given.
    pub(crate) fn new(live: &Live, globals: &[GlobalNode]) -> Numbering {
        Numbering {
            functions: number(imported(live).chain(defined(live))),
            globals: number(globals.iter()),
            memories: number(live.memories.iter()),
            tables: number(live.tables.iter()),
            tags: number(live.tags.iter()),
            data: number(live.data.iter()),
            elements: number(live.elements.iter()),
        }
    }
}

/// Functions that the linked module imports, in order.
pub(crate) fn imported(live: &Live) -> impl Iterator<Item = &Function> {
    live.functions.iter().filter(|function| matches!(function, Function::Host(..)))
}

/// Functions that the linked module defines, in order.
pub(crate) fn defined(live: &Live) -> impl Iterator<Item = &Function> {
    live.functions.iter().filter(|function| !matches!(function, Function::Host(..)))
}

fn number<'a, T: Clone + Eq + Hash + 'a>(items: impl Iterator<Item = &'a T>) -> HashMap<T, u32> {
    items.cloned().zip(0..).collect()
}

fn index_of<T: Eq + Hash + std::fmt::Debug>(indices: &HashMap<T, u32>, item: &T) -> u32 {
    *indices.get(item).unwrap_or_else(|| panic!("{item:?} is written and was not reached"))
}

impl Namer for Numbering {
    fn function(&mut self, function: &Function) -> u32 {
        index_of(&self.functions, function)
    }

    fn function_reference(&mut self, function: &Function) -> u32 {
        index_of(&self.functions, function)
    }

    fn global(&mut self, global: &GlobalNode) -> u32 {
        index_of(&self.globals, global)
    }

    fn memory(&mut self, memory: &MemoryNode) -> u32 {
        index_of(&self.memories, memory)
    }

    fn table(&mut self, table: &TableNode) -> u32 {
        index_of(&self.tables, table)
    }

    fn tag(&mut self, tag: &TagNode) -> u32 {
        index_of(&self.tags, tag)
    }

    fn data(&mut self, segment: SegmentNode) -> u32 {
        index_of(&self.data, &segment)
    }

    fn element(&mut self, segment: SegmentNode) -> u32 {
        index_of(&self.elements, &segment)
    }
}
