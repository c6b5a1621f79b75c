//! Slots of the table that held functions of unloaded dsos. A guest's function pointer is a number in
//! its memory, which nobody can find: so a slot is not given out again until many more have joined
//! it, and a call of it traps until then. The same module opened again gets its own slots again: its
//! pointers lead where they led, and its code is in the cache for that place.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

use dynvm_vm::Process;
use dynvm_vm::context::FuncId;
use dynvm_vm::module::Module;
use dynvm_vm::types::DefinedFuncIndex;

use crate::link_map::LinkMap;

/// How many slots wait. With their names they take about 1 MiB.
const SLOTS_MAX: u64 = 8192;

/// Whose slots they are: a module's, by the hash of its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Owner {
    digest: [u8; 32],
    /// The function whose slot it is; `None` for the slots that the module asks for itself.
    func: Option<u32>,
}

impl Owner {
    pub(crate) fn new(module: &Module, func: Option<DefinedFuncIndex>) -> Owner {
        let digest = *module.digest.get_or_init(|| *blake3::hash(&module.bytes).as_bytes());
        Owner { digest, func: func.map(|func| func.0) }
    }
}

/// Who owns the slot of a function's own, if a dso defines it.
pub(crate) fn owner_of(map: &LinkMap, process: &Process, func: FuncId) -> Option<Owner> {
    let instance = process.instance_of(func)?;
    let dso = map.iter().find(|dso| dso.instance == Some(instance))?;
    let first = process.defined_func(instance, DefinedFuncIndex(0));
    Some(Owner::new(&dso.module, Some(DefinedFuncIndex(func.0 - first.0))))
}

/// Slots that wait, the oldest first.
#[derive(Debug, Default)]
pub(crate) struct BuriedSlots {
    by_age: BTreeMap<u64, (Option<Owner>, Range<u64>)>,
    /// The youngest of each owner.
    by_owner: HashMap<Owner, u64>,
    next_age: u64,
    len: u64,
}

impl BuriedSlots {
    /// Whether none waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Adds slots. Gives those that have waited long enough.
    pub(crate) fn push(&mut self, owner: Option<Owner>, slots: Range<u64>) -> Vec<Range<u64>> {
        if !slots.is_empty() {
            self.len += slots.end - slots.start;
            self.by_owner.extend(owner.map(|owner| (owner, self.next_age)));
            self.by_age.insert(self.next_age, (owner, slots));
            self.next_age += 1;
        }
        let mut free = Vec::new();
        while self.len > SLOTS_MAX
            && let Some((age, _)) = self.by_age.first_key_value()
        {
            free.extend(self.remove(*age));
        }
        free
    }

    /// The slots that were this owner's, if they are `count`.
    pub(crate) fn take(&mut self, owner: &Owner, count: u64) -> Option<Range<u64>> {
        let age = *self.by_owner.get(owner)?;
        let (_, slots) = self.by_age.get(&age)?;
        if slots.end - slots.start == count { self.remove(age) } else { None }
    }

    /// All of them: they are needed.
    pub(crate) fn take_all(&mut self) -> Vec<Range<u64>> {
        std::mem::take(self).by_age.into_values().map(|(_, slots)| slots).collect()
    }

    fn remove(&mut self, age: u64) -> Option<Range<u64>> {
        let (owner, slots) = self.by_age.remove(&age)?;
        if let Some(owner) = owner
            && self.by_owner.get(&owner) == Some(&age)
        {
            self.by_owner.remove(&owner);
        }
        self.len -= slots.end - slots.start;
        Some(slots)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::single_range_in_vec_init, reason = "a list of one range")]
    use super::{BuriedSlots, Owner, SLOTS_MAX};

    fn owner(number: u8) -> Owner {
        Owner { digest: [number; 32], func: None }
    }

    #[test]
    fn an_owner_gets_its_slots_again_and_the_oldest_are_given_away() {
        let mut buried = BuriedSlots::default();
        assert!(buried.push(Some(owner(1)), 10..20).is_empty());
        assert!(buried.push(Some(owner(2)), 20..20 + SLOTS_MAX - 10).is_empty());
        assert_eq!(buried.take(&owner(1), 9), None);
        assert_eq!(buried.take(&owner(1), 10), Some(10..20));
        assert_eq!(buried.take(&owner(1), 10), None);
        assert!(buried.push(Some(owner(3)), 1..9).is_empty());
        assert_eq!(buried.push(Some(owner(1)), 10..20), [20..20 + SLOTS_MAX - 10]);
        assert_eq!(buried.take(&owner(2), SLOTS_MAX - 10), None);
        assert_eq!(buried.take_all(), [1..9, 10..20]);
        assert!(buried.is_empty());
    }

    #[test]
    fn the_youngest_of_an_owner_is_its_own() {
        let mut buried = BuriedSlots::default();
        buried.push(Some(owner(1)), 1..2);
        buried.push(Some(owner(1)), 5..6);
        assert_eq!(buried.take(&owner(1), 1), Some(5..6));
        assert_eq!(buried.take(&owner(1), 1), None);
        assert_eq!(buried.take_all(), [1..2]);
    }
}
