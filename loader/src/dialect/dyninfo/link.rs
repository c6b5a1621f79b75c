//! Linking `dyninfo` modules: one after another in load order, each fills in what it can of itself
//! and of those before it. What nobody defines yet waits for a later module.

use std::collections::HashMap;
use std::sync::Arc;

use dynvm_vm::{Process, Stop};

use super::{Dyninfo, LINK_BASE, data_base};
use crate::dialect::guest;
use crate::dso::{Dso, DsoId};
use crate::link_map::LinkMap;

/// What the modules that are loaded have defined, and what they wait for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Links {
    /// Address of data.
    data: HashMap<Arc<str>, u32>,
    /// Slot of functions.
    functions: HashMap<Arc<str>, u32>,
    /// Words that wait.
    words: HashMap<Arc<str>, Vec<u32>>,
    /// Slots that wait.
    slots: HashMap<Arc<str>, Vec<u32>>,
    /// Copies that wait: address, size.
    copies: HashMap<Arc<str>, Vec<(u32, u32)>>,
    /// What each module defines or was given, by name.
    tables: HashMap<DsoId, HashMap<Arc<str>, u32>>,
}

/// A change that linking makes to memory or table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Patch {
    /// A word gets a value.
    Word { at: u32, value: u32 },
    /// A slot gets the function of another.
    Slot { at: u32, from: u32 },
    /// Bytes are copied.
    Copy { to: u32, from: u32, size: u32 },
}

impl Patch {
    /// Makes the change.
    pub(crate) fn apply(self, process: &mut Process) -> Result<(), Stop> {
        use dynvm_vm::code::TrapCode;
        let outside = || Stop::from(TrapCode::MemoryOutOfBounds);
        match self {
            Patch::Word { at, value } => {
                guest::write(process, at, &value.to_le_bytes()).ok_or_else(outside)
            }
            Patch::Copy { to, from, size } => {
                guest::bytes(process, to, size).ok_or_else(outside)?;
                guest::bytes(process, from, size).ok_or_else(outside)?;
                let from = from as usize;
                process.memory_mut().copy_within(from..from + size as usize, to as usize);
                Ok(())
            }
            Patch::Slot { at, from } => {
                let func = process.table_get(from).unwrap_or(dynvm_vm::context::FuncId::NULL);
                let set = process.table_set(at, func);
                set.map_err(|_| Stop::from(TrapCode::TableOutOfBounds))
            }
        }
    }
}

/// Links the dsos from `mark` on: what becomes of `links`, and the changes for each of them.
pub(crate) fn link(
    links: &Links,
    map: &LinkMap,
    mark: DsoId,
) -> (Links, HashMap<DsoId, Vec<Patch>>) {
    let mut links = links.clone();
    let mut patches = HashMap::new();
    for dso in map.from(mark) {
        if let Some(info) = dso.dyninfo() {
            patches.insert(dso.id, links.open(dso, info));
        }
    }
    (links, patches)
}

impl Links {
    /// Address of data or slot of a function that any module defines.
    pub(crate) fn find(&self, name: &str) -> Option<u32> {
        self.data.get(name).or_else(|| self.functions.get(name)).copied()
    }

    /// The same of one module.
    pub(crate) fn find_in(&self, id: DsoId, name: &str) -> Option<u32> {
        self.tables.get(&id)?.get(name).copied()
    }

    /// The keys are taken in this order: fixup, fixupfun, def, defun, ref, refun, copy.
    fn open(&mut self, dso: &Dso, info: &Dyninfo) -> Vec<Patch> {
        let got = data_base(dso) as u32;
        let plt = dso.bias.table_base;
        let data = |address: u32| address.wrapping_sub(LINK_BASE).wrapping_add(got);
        let slot = |index: u32| index.wrapping_add(plt);
        let mut patches = Vec::new();
        // Its own definitions come first, and are what is copied to.
        let copied = info.copies.iter().map(|(name, ..)| self.data.get(name.as_str()).copied());
        let copied: Vec<Option<u32>> = copied.collect();
        for (at, to) in &info.fixups {
            patches.push(Patch::Word { at: data(*at), value: data(*to) });
        }
        for (at, to) in &info.fixupfuns {
            patches.push(Patch::Word { at: data(*at), value: slot(*to) });
        }
        for (name, at) in &info.defs {
            self.define_data(dso.id, name, data(*at), &mut patches);
        }
        for (name, at) in &info.defuns {
            self.define_function(dso.id, name, slot(*at), &mut patches);
        }
        for (name, at) in &info.refs {
            match self.find(name) {
                Some(value) => patches.push(Patch::Word { at: data(*at), value }),
                None => self.words.entry(waiting(dso, name)).or_default().push(data(*at)),
            }
        }
        for (name, at) in &info.refuns {
            match self.functions.get(name.as_str()) {
                Some(from) => patches.push(Patch::Slot { at: slot(*at), from: *from }),
                None => self.slots.entry(waiting(dso, name)).or_default().push(slot(*at)),
            }
        }
        for ((name, at, size), from) in info.copies.iter().zip(copied) {
            let to = data(*at);
            if let Some(from) = from {
                patches.push(Patch::Copy { to, from, size: *size });
                self.define_data(dso.id, name, to, &mut patches);
            } else {
                self.copies.entry(waiting(dso, name)).or_default().push((to, *size));
            }
        }
        patches
    }

    /// The last definition wins, but for what was copied: then the copy is the definition.
    fn define_data(&mut self, id: DsoId, name: &str, address: u32, patches: &mut Vec<Patch>) {
        let name: Arc<str> = name.into();
        let copies = self.copies.remove(&name).unwrap_or_default();
        let copied = copies.last().map(|(to, _)| *to);
        for (to, size) in copies {
            patches.push(Patch::Copy { to, from: address, size });
        }
        let address = copied.unwrap_or(address);
        self.tables.entry(id).or_default().insert(Arc::clone(&name), address);
        for at in self.words.remove(&name).unwrap_or_default() {
            patches.push(Patch::Word { at, value: address });
        }
        self.data.insert(name, address);
    }

    /// The first definition wins.
    fn define_function(&mut self, id: DsoId, name: &str, slot: u32, patches: &mut Vec<Patch>) {
        let name: Arc<str> = name.into();
        self.tables.entry(id).or_default().insert(Arc::clone(&name), slot);
        if self.functions.contains_key(&name) {
            return;
        }
        for at in self.words.remove(&name).unwrap_or_default() {
            patches.push(Patch::Word { at, value: slot });
        }
        for at in self.slots.remove(&name).unwrap_or_default() {
            patches.push(Patch::Slot { at, from: slot });
        }
        self.functions.insert(name, slot);
    }
}

fn waiting(dso: &Dso, name: &str) -> Arc<str> {
    tracing::debug!(
        target: "dynvm::symbols",
        "{}: undefined symbol `{name}` waits for a later module", dso.name
    );
    name.into()
}
