//! References that the host holds. The collector moves objects, so the host has handles in their
//! place: numbers that look like references to the heap, but are positions in a list of roots.

use crate::context::{HEAP_START, HEAP_UNIT_BYTES};
use crate::heap::is_object;

/// Distance between two handles: as references they are even.
const STEP: u32 = (8 / HEAP_UNIT_BYTES) as u32;

/// The objects that the host refers to.
#[derive(Debug, Default)]
pub(crate) struct Handles {
    slots: Vec<Slot>,
    free: Vec<u32>,
    /// Handles that end with the host function that they were made in, outermost function first.
    locals: Vec<u32>,
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    /// The object; 0 while nobody holds it.
    object: u32,
    holders: u32,
}

impl Handles {
    /// What stands for the reference `bits` at the host: a new handle for an object, and what is
    /// none as it is. `is_local`: it is made in a host function, and ends with that.
    pub(crate) fn add(&mut self, bits: u32, is_local: bool) -> u32 {
        if !is_object(bits) {
            return bits;
        }
        let position = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot { object: 0, holders: 0 });
            self.slots.len() as u32 - 1
        });
        self.slots[position as usize] = Slot { object: bits, holders: 1 };
        let handle = HEAP_START + position * STEP;
        if is_local {
            self.locals.push(handle);
        }
        handle
    }

    /// The reference that `bits` of the host's stands for; `None` for a handle that was released.
    pub(crate) fn get(&self, bits: u32) -> Option<u32> {
        if !is_object(bits) {
            return Some(bits);
        }
        let slot = self.slots.get(position(bits)?)?;
        (slot.holders > 0).then_some(slot.object)
    }

    /// One more holder of a handle.
    pub(crate) fn hold(&mut self, bits: u32) {
        if let Some(slot) = self.slot(bits) {
            slot.holders += 1;
        }
    }

    /// One holder less. The last one gives the handle back.
    pub(crate) fn release(&mut self, bits: u32) {
        let Some(slot) = self.slot(bits) else { return };
        slot.holders -= 1;
        if slot.holders == 0 {
            slot.object = 0;
            self.free.push((bits - HEAP_START) / STEP);
        }
    }

    fn slot(&mut self, bits: u32) -> Option<&mut Slot> {
        if !is_object(bits) {
            return None;
        }
        self.slots.get_mut(position(bits)?).filter(|slot| slot.holders > 0)
    }

    /// A host function begins. Gives what [`Handles::leave`] wants at its end.
    #[inline]
    pub(crate) fn enter(&self) -> usize {
        self.locals.len()
    }

    /// A host function ends, and with it the handles that were made in it.
    #[inline]
    pub(crate) fn leave(&mut self, entered: usize) {
        if self.locals.len() > entered {
            self.release_locals(entered);
        }
    }

    #[cold]
    fn release_locals(&mut self, entered: usize) {
        self.locals.split_off(entered).into_iter().for_each(|handle| self.release(handle));
    }

    /// How many objects the host refers to.
    pub(crate) fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// The objects, for the collector.
    pub(crate) fn objects_mut(&mut self) -> impl Iterator<Item = &mut u32> {
        self.slots.iter_mut().map(|slot| &mut slot.object)
    }
}

/// The slot of a handle.
fn position(handle: u32) -> Option<usize> {
    let distance = handle - HEAP_START;
    distance.is_multiple_of(STEP).then_some((distance / STEP) as usize)
}

#[cfg(test)]
mod tests {
    use super::Handles;
    use crate::context::HEAP_START;

    #[test]
    fn held_until_released() {
        let mut handles = Handles::default();
        let handle = handles.add(HEAP_START + 64, false);
        assert_eq!(handles.get(handle), Some(HEAP_START + 64));
        handles.hold(handle);
        handles.release(handle);
        assert_eq!(handles.len(), 1);
        handles.release(handle);
        assert_eq!((handles.len(), handles.get(handle)), (0, None));
        handles.release(handle);
        assert_eq!(handles.add(HEAP_START, false), handle, "the slot is used again");
    }

    #[test]
    fn what_is_no_object_has_no_handle() {
        let mut handles = Handles::default();
        for bits in [0, 1, 6, u32::MAX] {
            assert_eq!((handles.add(bits, true), handles.get(bits)), (bits, Some(bits)));
        }
        assert_eq!(handles.len(), 0);
    }

    #[test]
    fn ends_with_its_host_function() {
        let mut handles = Handles::default();
        let outside = handles.add(HEAP_START, false);
        let entered = handles.enter();
        let (local, kept) = (handles.add(HEAP_START, true), handles.add(HEAP_START, true));
        handles.hold(kept);
        handles.leave(entered);
        assert_eq!(handles.get(local), None);
        assert!(handles.get(outside).is_some() && handles.get(kept).is_some());
    }
}
