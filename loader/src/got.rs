//! Function pointers: one table index per function definition in the process.
//!
//! A `GOT.func` entry, an element segment and `dlsym` must all give the same number for one
//! function. A function that stands in its own dso's elements keeps that slot for everybody
//! (the dso's own code uses it without asking); else a slot of another dso that holds it serves;
//! else it gets a fresh one.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use hashbrown::HashMap;

use dynvm_vm::context::FuncId;
use dynvm_vm::module::{ElementItems, SegmentMode};
use dynvm_vm::types::FuncIndex;
use dynvm_vm::{Error, Process};

use crate::dso::Dso;
use crate::symbol::ConstGlobals;

/// The canonical slot of each function that has one.
#[derive(Debug, Default)]
pub(crate) struct FunctionSlots {
    by_func: HashMap<FuncId, u32>,
    /// The functions of `by_func` in order: those of a dso are in a row.
    funcs: BTreeSet<FuncId>,
    /// The same by slot.
    by_slot: BTreeSet<(u32, FuncId)>,
    /// Slots that no dso's elements own, which a dso gives back when it goes.
    fresh: BTreeMap<FuncId, u32>,
}

impl FunctionSlots {
    pub(crate) fn get(&self, func: FuncId) -> Option<u32> {
        self.by_func.get(&func).copied()
    }

    /// Functions that no segment puts into the table, and their slots.
    pub(crate) fn fresh(&self) -> impl Iterator<Item = (FuncId, u32)> {
        self.fresh.iter().map(|(func, slot)| (*func, *slot))
    }

    /// Notes a function that a segment puts at `slot`; the first one noted stays.
    pub(crate) fn note(&mut self, func: FuncId, slot: u32) {
        if !self.by_func.contains_key(&func) {
            self.insert(func, slot);
        }
    }

    /// Notes a function that gets a slot of its own.
    pub(crate) fn add_fresh(&mut self, func: FuncId, slot: u32) {
        self.insert(func, slot);
        self.fresh.insert(func, slot);
    }

    fn insert(&mut self, func: FuncId, slot: u32) {
        self.remove(func);
        self.by_func.insert(func, slot);
        self.funcs.insert(func);
        self.by_slot.insert((slot, func));
    }

    fn remove(&mut self, func: FuncId) {
        if let Some(slot) = self.by_func.remove(&func) {
            self.funcs.remove(&func);
            self.by_slot.remove(&(slot, func));
        }
    }

    /// Writes a fresh slot into the table. The function must have its code by now.
    pub(crate) fn fill(&self, process: &mut Process, func: FuncId) -> Result<(), Error> {
        match self.fresh.get(&func) {
            Some(slot) => process.table_set(*slot, func),
            None => Ok(()),
        }
    }

    /// Forgets functions that go, and slots in `table`, which go too. Gives the functions whose
    /// fresh slots are free now, with these. The cost grows with what is forgotten.
    pub(crate) fn forget(&mut self, funcs: Range<u32>, table: Range<u32>) -> Vec<(FuncId, u32)> {
        let funcs = FuncId(funcs.start)..FuncId(funcs.end);
        let slots = (table.start, FuncId(0))..(table.end, FuncId(0));
        let in_table = self.by_slot.range(slots).map(|(_, func)| *func);
        let gone: Vec<FuncId> = self.funcs.range(funcs.clone()).copied().chain(in_table).collect();
        gone.into_iter().for_each(|func| self.remove(func));
        self.fresh.extract_if(funcs, |_, _| true).collect()
    }
}

/// Functions that the active element segments of `dso` put into the process table, and where.
pub(crate) fn elements_of(dso: &Dso) -> Vec<(FuncIndex, u32)> {
    let module = &dso.module;
    let globals = ConstGlobals::of_module(module, &dso.bases());
    let mut elements = Vec::new();
    for segment in &module.elements {
        let SegmentMode::Active { target, offset } = &segment.mode else { continue };
        // A dso's first table is the process table: it imports that, or it is the main program.
        if target.0 != 0 || (module.imported_tables == 0 && !dso.is_table_shared()) {
            continue;
        }
        let ElementItems::Functions(items) = &segment.items else { continue };
        let Some(first) = globals.evaluate(offset) else { continue };
        // Slots past the table's end trap when the segment is copied: they need no entry here.
        let slots = first..u64::from(u32::MAX);
        elements.extend(items.iter().copied().zip(slots.map(|slot| slot as u32)));
    }
    elements
}
