//! Function pointers: one table index per function definition in the process.
//!
//! A `GOT.func` entry, an element segment and `dlsym` must all give the same number for one
//! function. A function that stands in its own dso's elements keeps that slot for everybody
//! (the dso's own code uses it without asking); else a slot of another dso that holds it serves;
//! else it gets a fresh one.

use std::collections::HashMap;
use std::ops::Range;

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
    /// Slots that no dso's elements own, which a dso gives back when it goes.
    fresh: HashMap<FuncId, u32>,
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
        self.by_func.entry(func).or_insert(slot);
    }

    /// Notes a function that gets a slot of its own.
    pub(crate) fn add_fresh(&mut self, func: FuncId, slot: u32) {
        self.by_func.insert(func, slot);
        self.fresh.insert(func, slot);
    }

    /// Writes a fresh slot into the table. The function must have its code by now.
    pub(crate) fn fill(&self, process: &mut Process, func: FuncId) -> Result<(), Error> {
        match self.fresh.get(&func) {
            Some(slot) => process.table_set(*slot, func),
            None => Ok(()),
        }
    }

    /// Forgets functions that go, and slots in `tables`, which go too. Gives the functions whose
    /// fresh slots are free now, with these.
    pub(crate) fn forget(
        &mut self,
        goes: impl Fn(FuncId) -> bool,
        tables: &[Range<u32>],
    ) -> Vec<(FuncId, u32)> {
        self.by_func
            .retain(|func, slot| !goes(*func) && !tables.iter().any(|table| table.contains(slot)));
        self.fresh.extract_if(|func, _| goes(*func)).collect()
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
