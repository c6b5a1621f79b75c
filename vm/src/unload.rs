//! Unloading: what an instance held is given back, and what still points to it leads to a trap.

use crate::context::{FuncId, VmFuncRef};
use crate::error::Error;
use crate::instance::{InstanceId, TableId};
use crate::process::{Definer, Entry, Process};
use crate::text::Owner;
use crate::types::TypeId;

impl Process {
    /// Gives back what an instance holds: its text, its functions, its globals, its own memories
    /// and tables. Elements of tables that name its functions become null. The ids of all that
    /// are given out again, so nothing that stays may be bound to the instance.
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
        // An element holds the address of the code itself.
        for table in self.tables.iter_mut().flatten() {
            for index in 0..table.len() {
                if table.get(index).is_some_and(|element| range.contains(&element.func.0)) {
                    table.set(index, VmFuncRef::NULL).expect("the index is below the length");
                }
            }
        }
        self.definers.insert(first, Definer::Gone);
        let types: Vec<TypeId> = defined.iter().map(|ty| declared.types[ty.index()]).collect();
        // Of no type, and references to them that are left trap.
        let gone = VmFuncRef { code: self.discarded, ..VmFuncRef::NULL };
        self.space.remove_functions_of(declared.first_func, &types, gone);
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
                Owner::Stub => None,
            }
        });
        owners.collect()
    }
}
