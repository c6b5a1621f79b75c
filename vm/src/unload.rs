//! Unloading: what an instance held is given back, and what still points to it leads to a trap.

use std::collections::HashSet;
use std::ops::Range;
use std::sync::Arc;

use crate::code::TrapCode;
use crate::context::{FuncId, VmFuncRef};
use crate::error::Error;
use crate::instance::{InstanceId, TableId, TagId};
use crate::module::Module;
use crate::process::{Definer, Entry, Process};
use crate::text::Owner;
use crate::trap::{Stop, Trap};
use crate::types::{FuncIndex, TypeId};

/// How many functions are no more before it is looked whether something still refers to them: their
/// places take 32 bytes each, and their names.
pub(crate) const RETIRED_FUNCTIONS_MAX: usize = 16_384;

/// What functions were called that are no more.
#[derive(Debug)]
pub(crate) enum Names {
    /// The functions that a module defines, which is kept for something else too.
    Module { dso: Arc<str>, module: Arc<Module> },
    /// What is left of a module that nobody else keeps.
    List {
        dso: Arc<str>,
        /// One after the other.
        functions: Box<str>,
        /// Where each ends.
        ends: Box<[u32]>,
    },
    /// Of one function, without a dso.
    One(String),
}

impl Names {
    /// Of the function at this position.
    pub(crate) fn get(&self, position: u32) -> Option<String> {
        match self {
            Names::Module { dso, module } => {
                let func = FuncIndex(module.imported_functions + position);
                let is_there = func.index() < module.functions.len();
                is_there.then(|| format!("{dso}!{}", module.func_name(func)))
            }
            Names::List { dso, functions, ends } => {
                let end = *ends.get(position as usize)? as usize;
                let start = (position as usize).checked_sub(1).map_or(0, |before| ends[before]);
                Some(format!("{dso}!{}", &functions[start as usize..end]))
            }
            Names::One(name) => (position == 0).then(|| name.clone()),
        }
    }

    /// Copies them if nobody else keeps the module. Whether somebody does.
    fn settle(&mut self) -> bool {
        let Names::Module { dso, module } = self else { return false };
        if Arc::strong_count(module) > 1 {
            return true;
        }
        let mut functions = String::new();
        let ends = module.defined_func_names().map(|name| {
            functions.push_str(&name);
            functions.len() as u32
        });
        let ends = ends.collect();
        *self = Names::List { dso: Arc::clone(dso), functions: functions.into(), ends };
        false
    }
}

fn halves(word: usize) -> [u32; 2] {
    [word as u32, (word >> 32) as u32]
}

impl Process {
    /// Gives back what an instance holds: its text, its functions, its globals, its own memories,
    /// tables and tags. Whatever still refers to one of its functions leads to a trap that names it.
    /// The ids of all that are given out again, so nothing that stays may be bound to the instance:
    /// those of functions and tags, which guests can keep, when nothing refers to them any longer.
    pub fn discard(&mut self, id: InstanceId) {
        let Some(entry) = self.instances[id.0 as usize].take() else { return };
        self.unplaced.retain(|unplaced| unplaced.owner != Owner::Instance(id));
        self.text.remove(id);
        self.discard_functions(&entry);
        for slot in entry.declared.slots.iter().flatten() {
            self.managed_globals.remove(slot);
            self.space.remove_global(*slot);
        }
        let module = &entry.declared.module;
        let Some(instance) = entry.instance else { return };
        self.discard_tags(&instance.tags[module.imported_tags as usize..]);
        for place in &instance.memories[module.imported_memories as usize..] {
            if self.memories[place.id.0 as usize].take().is_some() {
                self.space.remove_global(place.descriptor);
            }
        }
        for place in &instance.tables[module.imported_tables as usize..] {
            if place.id != TableId::PROCESS && self.tables[place.id.0 as usize].take().is_some() {
                self.space.remove_global(place.descriptor);
            }
        }
    }

    fn discard_functions(&mut self, entry: &Entry) {
        let declared = &entry.declared;
        let module = &declared.module;
        let defined = &module.functions[module.imported_functions as usize..];
        if defined.is_empty() {
            return;
        }
        let first = declared.first_func.0;
        let range = first..first + defined.len() as u32;
        let types: Vec<TypeId> = defined.iter().map(|ty| declared.types[ty.index()]).collect();
        let names = Names::Module { dso: Arc::clone(&declared.name), module: Arc::clone(module) };
        self.retire_functions(declared.first_func, &types, module.digest.get(), names);
        // A library that is closed is often kept to be opened again: then its names are in it.
        let gone = &mut self.gone;
        let is_kept = |first: &u32| gone.get_mut(first).is_some_and(Names::settle);
        self.gone_with_module.retain(is_kept);
        self.gone_with_module.insert(declared.first_func.0);
        // An element holds the address of the code itself.
        for number in 0..self.tables.len() {
            let Some(table) = &self.tables[number] else { continue };
            if !self.is_func(table.ty.element) {
                continue;
            }
            let elements = (0..table.len()).filter_map(|index| Some((index, table.get(index)?)));
            let stale: Vec<_> = elements.filter(|(_, it)| range.contains(&it.func.0)).collect();
            for (index, element) in stale {
                let gone = self.text.plt().copied(self.space.function(element.func));
                let table = self.table_by_id_mut(TableId(number as u32));
                table.set(index, gone).expect("the index is below the length");
            }
        }
    }

    /// Functions that are no more: from now on whoever refers to them hears so.
    pub(crate) fn retire_functions(
        &mut self,
        first: FuncId,
        types: &[TypeId],
        digest: Option<&[u8; 32]>,
        names: Names,
    ) {
        // Without an entry of its own a function cannot be told from others that are gone.
        let has_entries = self.text.open_plt(first, types.len() as u32).is_ok();
        let (plt, discarded) = (self.text.plt(), self.discarded);
        self.space.retire_functions(first, types, digest, |func| {
            let code = if has_entries { plt.unresolved(func) } else { discarded };
            // Of no type.
            VmFuncRef { code, type_id: TypeId(0), func }
        });
        self.definers.insert(first.0, Definer::Gone);
        self.gone.insert(first.0, names);
    }

    /// Lets ids of functions that are no more be given out again if nothing refers to them, when
    /// there are many.
    pub(crate) fn reclaim_functions(&mut self) {
        if self.space.retired_len() < self.reclaim_functions_at {
            return;
        }
        let words = self.words_that_may_refer();
        let is_referred = |mut range: Range<u32>| range.any(|func| words.contains(&func));
        for first in self.space.free_retired(is_referred) {
            self.gone.remove(&first.0);
        }
        self.reclaim_functions_at = RETIRED_FUNCTIONS_MAX.max(2 * self.space.retired_len());
    }

    /// What may be a reference to a function, wherever wasm can keep one: on its stack and in its
    /// registers, in globals, tables, objects, exceptions and element segments. No memory holds
    /// references. Numbers that look like one are among them.
    fn words_that_may_refer(&self) -> HashSet<u32> {
        let mut words = HashSet::new();
        words.extend(self.stack.words_in_use().iter().flat_map(|word| halves(*word)));
        words.extend(self.space.globals().map(|value| value.u32()));
        for table in self.tables.iter().flatten() {
            words.extend((0..table.len()).filter_map(|index| table.get(index)).map(|it| it.func.0));
        }
        let segments = self.instances.iter().flatten().flat_map(|entry| &entry.element_values);
        words.extend(segments.flatten().flatten());
        words.extend(self.heap.words(self.context().heap_next));
        words.extend(self.exceptions.words());
        words
    }

    /// Gives back tags that an instance defined. An exception may have been kept, and must not be
    /// taken for one of a tag that comes later.
    fn discard_tags(&mut self, tags: &[TagId]) {
        self.free_tags.extend(tags);
    }

    /// The id of a new tag.
    pub(crate) fn new_tag(&mut self, ty: TypeId) -> TagId {
        let free = self.free_tags.iter().position(|tag| !self.exceptions.has(*tag));
        if let Some(position) = free {
            let tag = self.free_tags.swap_remove(position);
            self.tags[tag.0 as usize] = ty;
            return tag;
        }
        self.tags.push(ty);
        TagId(u32::try_from(self.tags.len() - 1).expect("tags are bounded by modules"))
    }

    /// How a call of `func` ends if that was unloaded.
    pub(crate) fn unloaded(&self, func: FuncId) -> Option<Stop> {
        let (_, definer) = self.definers.range(..=func.0).next_back()?;
        let is_gone = matches!(definer, Definer::Gone) && func.0 < self.space.functions_len();
        is_gone.then(|| {
            let detail = format!("call of `{}`, which was unloaded", self.func_name(func));
            Trap::new(TrapCode::UndefinedSymbol, detail).into()
        })
    }

    /// Gives back a global that the host made with [`Process::add_global`].
    pub fn remove_global(&mut self, slot: crate::context::GlobalSlot) {
        self.space.remove_global(slot);
    }

    /// Makes an element of the process table null. A call of it names `function`, which was there.
    ///
    /// # Errors
    /// If `index` is outside.
    pub fn table_set_unloaded(&mut self, index: u32, function: String) -> Result<(), Error> {
        self.table_set(index, FuncId::NULL)?;
        self.unloaded.insert(index, function);
        Ok(())
    }

    /// The instance whose function called the host function that runs now.
    #[must_use]
    pub fn caller(&self) -> Option<InstanceId> {
        let mut caller = None;
        self.visit_frames(|_, pc| {
            if let Some(Owner::Instance(id)) = self.text.locate(pc, true).map(|at| at.owner) {
                caller = Some(id);
            }
            caller.is_none()
        });
        caller
    }

    /// The instance that defines a function, unless the host does, or the instance is gone.
    #[must_use]
    pub fn instance_of(&self, func: FuncId) -> Option<InstanceId> {
        match self.definers.range(..=func.0).next_back() {
            Some((_, Definer::Instance(id))) => Some(*id),
            _ => None,
        }
    }

    /// Instances whose functions run now: innermost first, each as often as it has frames.
    #[must_use]
    pub fn running(&self) -> Vec<InstanceId> {
        let owners = self.frames().into_iter().filter_map(|(_, pc)| {
            match self.text.locate(pc, true)?.owner {
                Owner::Instance(id) => Some(id),
                Owner::Stub | Owner::Thunk => None,
            }
        });
        owners.collect()
    }
}
