//! The address space: where data, stack, elements and thread-local blocks of each dso go.
//!
//! ```text
//! 0      1024                                                              memory end
//! │ unused │ stack ↓ │ main │ liba │ libb │ … │ heap → … │ opened later │ …
//!                                              __heap_base  └ whole pages, reused after dlclose
//! ```
//! The stack lies lowest, so that running over it runs below address 0, which traps. A main
//! program that places itself keeps all below its initial end; all else follows behind.

use std::ops::Range;

use dynvm_vm::Process;

use crate::buried::{BuriedSlots, Owner};
use crate::dialect::dyninfo::{self, Dyninfo};
use crate::dialect::flat;
use crate::dso::{Dso, DsoId, LoadBias};
use crate::dylink::{DylinkError, Room};
use crate::error::LoadError;
use crate::link_map::LinkMap;

/// Bytes per page of memory.
pub(crate) const PAGE_BYTES: u64 = 0x1_0000;
/// Addresses below are never given out: null pointers and small offsets from them hit nothing.
const FIRST_ADDRESS: u64 = 1024;
/// Everything starts at a multiple of this, which wasm's C ABI wants for the stack.
const ALIGN_BYTES: u64 = 16;

/// What is free of the address space, and where the loader's own things are.
#[derive(Debug, Default)]
pub(crate) struct Space {
    free_memory: Vec<Range<u64>>,
    free_slots: Vec<Range<u64>>,
    /// Elements of unloaded functions.
    buried_slots: BuriedSlots,
    /// The guest's stack, in C's sense.
    pub(crate) stack: Range<u64>,
    /// `__heap_base`: end of the last dso of start-up.
    pub(crate) heap_base: u64,
    /// `__heap_end`: end of the initial memory.
    pub(crate) heap_end: u64,
    /// Where the initial memory of a main program that places itself ends; 0 for others.
    pub(crate) main_end: u64,
}

impl Space {
    /// Places the dsos of start-up, which begin at `mark`.
    pub(crate) fn place_start(
        &mut self,
        map: &mut LinkMap,
        mark: DsoId,
        process: &mut Process,
        stack_size_bytes: u64,
    ) -> Result<(), LoadError> {
        let ids = map.ids_from(mark);
        // No more than there are addresses, where it will not fit either.
        let stack_size_bytes = stack_size_bytes.min(u64::from(u32::MAX));
        let mut cursor = FIRST_ADDRESS;
        let mut slot = u64::from(process.table_len()).max(1);
        if let Some(main) = map.main().filter(|main| !main.is_relocatable()) {
            let room = main.dylink.as_ref().map(|dylink| dylink.room).unwrap_or_default();
            let pages = main.memory_pages_imported().max(main.memory_pages_defined());
            // Where in an imported memory its data lies is not told, only that none is at null.
            let first = match main.dyninfo() {
                Some(_) => dyninfo::LINK_BASE.into(),
                None if main.defines_memory() => 0,
                None => FIRST_ADDRESS,
            };
            let placed = Some(u64::from(room.memory_size)).filter(|size| *size > 0);
            let pages = match main.flat() {
                Some(_) if !main.defines_memory() => pages.max(flat::MEMORY_PAGES),
                _ => pages,
            };
            let placed_pages = placed.map_or(0, |size| (first + size).div_ceil(PAGE_BYTES));
            self.main_end = pages.max(placed_pages) * PAGE_BYTES;
            cursor = cursor.max(self.main_end);
            // A `dyninfo` program asks for all the table that there will ever be.
            let imported = if main.dyninfo().is_some() { 0 } else { main.table_len_imported() };
            slot = slot.max(imported).max(main.table_len_defined());
            slot = slot.max(1 + u64::from(room.table_size));
        }
        if !ids.iter().any(|id| map.dso(*id).is_relocatable()) {
            // All place themselves: they find the memory they describe, and not a page more.
            cursor = self.main_end;
        }
        let has_relocatable = ids.iter().any(|id| map.dso(*id).is_relocatable());
        let is_stack_asked_for = ids.iter().any(|id| {
            map.dso(*id).flat().is_some() && map.dso(*id).imports_global("__stack_pointer")
        });
        let has_stack = map.main().is_some_and(Dso::exports_stack_pointer);
        let is_dyninfo = map.main().is_some_and(|main| main.dyninfo().is_some());
        if (has_relocatable || is_stack_asked_for || is_dyninfo) && !has_stack {
            self.stack = align_up(cursor, ALIGN_BYTES)..cursor + align_up(stack_size_bytes, 16);
            cursor = self.stack.end;
        }
        for id in &ids {
            let dso = map.dso_mut(*id);
            let room = dso.room();
            if dso.is_relocatable() {
                let base = align_up(cursor, memory_align(room));
                dso.memory = base..base + footprint(room.memory_size.into());
                cursor = dso.memory.end;
                let first = align_up(slot, 1 << room.table_align_log2);
                slot = first + u64::from(room.table_size);
                dso.table = table_range(dso, first)?;
            }
            if let Some((size, align)) = tls_block(dso) {
                let base = align_up(cursor, align.max(ALIGN_BYTES));
                dso.tls = base..base + footprint(size);
                cursor = dso.tls.end;
            }
            set_bias(dso);
        }
        self.heap_base = align_up(cursor, ALIGN_BYTES);
        grow_memory_to(process, self.heap_base.div_ceil(PAGE_BYTES), map, &ids)?;
        grow_table_to(process, slot, map, &ids)?;
        if is_dyninfo && process.grow_memory(dyninfo::HEAP_PAGES).is_err() {
            tracing::debug!(target: "dynvm::files", "no memory is left for the program's heap");
        }
        self.heap_end = process.memory_pages() * PAGE_BYTES;
        Ok(())
    }

    /// Places the dsos from `mark` on, opened while the process runs.
    pub(crate) fn place_opened(
        &mut self,
        map: &mut LinkMap,
        mark: DsoId,
        process: &mut Process,
    ) -> Result<(), LoadError> {
        let ids = map.ids_from(mark);
        for id in &ids {
            let dso = map.dso_mut(*id);
            let room = dso.room();
            if dso.is_relocatable() {
                clear_chosen(dso, process)?;
                let size = footprint(room.memory_size.into());
                dso.memory = self.take_memory(process, size, memory_align(room), &dso.name)?;
                let (count, align) = (room.table_size.into(), 1 << room.table_align_log2);
                let owner = |_: &Process| Some(Owner::new(&dso.module, None));
                let first = match self.take_own_slots(process, owner, count) {
                    Some(own) => own,
                    None => self.take_slots(process, count, align, &dso.name)?,
                };
                dso.table = table_range(dso, first.start)?;
            }
            if let Some((size, align)) = tls_block(dso) {
                dso.tls = self.take_memory(process, footprint(size), align, &dso.name)?;
            }
            set_bias(dso);
        }
        grow_memory_to(process, 0, map, &ids)?;
        grow_table_to(process, 0, map, &ids)
    }

    /// Zeroed memory that nothing else uses.
    pub(crate) fn take_memory(
        &mut self,
        process: &mut Process,
        size: u64,
        align: u64,
        whom: &str,
    ) -> Result<Range<u64>, LoadError> {
        let align = align.max(ALIGN_BYTES);
        let taken = match take(&mut self.free_memory, size, align) {
            Some(taken) => taken,
            None => {
                let pages = (size + align).div_ceil(PAGE_BYTES);
                let old = process
                    .grow_memory(pages)
                    .map_err(|source| LoadError::Vm { dso: whom.to_owned(), source })?;
                give(&mut self.free_memory, old * PAGE_BYTES..(old + pages) * PAGE_BYTES);
                take(&mut self.free_memory, size, align).expect("this much was just added")
            }
        };
        // What was used before may be free again: it is zeroed at each use.
        process.memory_mut()[taken.start as usize..taken.end as usize].fill(0);
        Ok(taken)
    }

    /// Takes memory back.
    pub(crate) fn give_memory(&mut self, range: Range<u64>) {
        give(&mut self.free_memory, range);
    }

    /// Null elements of the process table that nothing else uses.
    pub(crate) fn take_slots(
        &mut self,
        process: &mut Process,
        count: u64,
        align: u64,
        whom: &str,
    ) -> Result<Range<u64>, LoadError> {
        if count == 0 {
            let end = u64::from(process.table_len());
            return Ok(end..end);
        }
        let taken = match take(&mut self.free_slots, count, align) {
            Some(taken) => taken,
            None => {
                self.grow_slots(process, count + align - 1, whom)?;
                take(&mut self.free_slots, count, align).expect("this much was just added")
            }
        };
        for slot in taken.clone() {
            clear(process, slot);
        }
        Ok(taken)
    }

    /// The elements that were this owner's before it was unloaded, if nobody else got them since.
    pub(crate) fn take_own_slots(
        &mut self,
        process: &mut Process,
        owner: impl FnOnce(&Process) -> Option<Owner>,
        count: u64,
    ) -> Option<Range<u64>> {
        if self.buried_slots.is_empty() || count == 0 {
            return None;
        }
        let taken = self.buried_slots.take(&owner(process)?, count)?;
        for slot in taken.clone() {
            clear(process, slot);
        }
        Some(taken)
    }

    /// Adds `count` elements to the table. Where it cannot grow, unloaded functions make room.
    fn grow_slots(
        &mut self,
        process: &mut Process,
        count: u64,
        whom: &str,
    ) -> Result<(), LoadError> {
        let elements = u32::try_from(count).unwrap_or(u32::MAX);
        let error = match process.grow_table(elements) {
            Ok(old) => {
                let old = u64::from(old);
                give(&mut self.free_slots, old..old + u64::from(elements));
                return Ok(());
            }
            Err(source) => LoadError::Vm { dso: whom.to_owned(), source },
        };
        for range in self.buried_slots.take_all() {
            give(&mut self.free_slots, range);
        }
        let is_enough = self.free_slots.iter().any(|free| free.end - free.start >= count);
        if is_enough { Ok(()) } else { Err(error) }
    }

    /// Takes elements back and makes them null.
    pub(crate) fn give_slots(&mut self, process: &mut Process, range: Range<u64>) {
        for slot in range.clone() {
            clear(process, slot);
        }
        give(&mut self.free_slots, range);
    }

    /// Takes elements back: a call of one traps with the name of the function that was there.
    pub(crate) fn bury_slots(
        &mut self,
        process: &mut Process,
        range: Range<u64>,
        owner: Option<Owner>,
    ) {
        for slot in range.clone() {
            let func = process.table_get(slot as u32).filter(|func| func.0 != 0);
            let Some(name) = func.map(|func| process.func_name(func)) else { continue };
            let buried = process.table_set_unloaded(slot as u32, name);
            assert!(buried.is_ok(), "slot {slot} was given out and is not in the table");
        }
        for free in self.buried_slots.push(owner, range) {
            give(&mut self.free_slots, free);
        }
    }
}

fn clear(process: &mut Process, slot: u64) {
    let cleared = process.table_set(slot as u32, dynvm_vm::context::FuncId::NULL);
    assert!(cleared.is_ok(), "slot {slot} was given out and is not in the table");
}

/// Zeroes the place that the guest chose for the data of a dso.
fn clear_chosen(dso: &Dso, process: &mut Process) -> Result<(), LoadError> {
    let Some((base, size)) = dso.dyninfo().and_then(Dyninfo::chosen) else { return Ok(()) };
    let (start, end) = (base as usize, base as usize + size as usize);
    match process.memory_mut().get_mut(start..end) {
        Some(place) => place.fill(0),
        None => {
            let detail = format!("its data do not fit into memory at {base:#x}");
            let source = DylinkError::Dyninfo { detail };
            return Err(LoadError::Dylink { path: dso.path.clone(), source });
        }
    }
    Ok(())
}

fn set_bias(dso: &mut Dso) {
    let chosen = dso.dyninfo().and_then(Dyninfo::chosen).map(|(base, _)| u64::from(base));
    let memory_base = chosen.unwrap_or(dso.memory.start);
    dso.bias = LoadBias { memory_base, table_base: dso.table.start };
    tracing::debug!(target: "dynvm::files", "{}: {}", dso.name, dso.bias);
}

/// Room for data of `size`. Libraries without data get an address of their own too: it is their
/// `__dso_handle`.
fn footprint(size: u64) -> u64 {
    align_up(size.max(1), ALIGN_BYTES)
}

fn memory_align(room: Room) -> u64 {
    (1 << room.memory_align_log2).max(ALIGN_BYTES)
}

fn table_range(dso: &Dso, first: u64) -> Result<Range<u32>, LoadError> {
    let end = first + u64::from(dso.room().table_size);
    match (u32::try_from(first), u32::try_from(end)) {
        (Ok(first), Ok(end)) => Ok(first..end),
        _ => Err(LoadError::TableTooLarge { dso: dso.name.to_string(), len: end }),
    }
}

/// Size and alignment of the thread-local block that a dso asks for.
fn tls_block(dso: &Dso) -> Option<(u64, u64)> {
    dso.exported_function("__wasm_init_tls")?;
    let size = crate::symbol::exported_constant(&dso.module, "__tls_size")?;
    let align = crate::symbol::exported_constant(&dso.module, "__tls_align").unwrap_or(1);
    let is_sane = (1..=u64::from(u32::MAX)).contains(&size) && align <= PAGE_BYTES;
    is_sane.then(|| (size, align.max(1).next_power_of_two()))
}

/// Grows memory to `pages`, and to what the dsos `ids` ask for at least.
fn grow_memory_to(
    process: &mut Process,
    pages: u64,
    map: &LinkMap,
    ids: &[DsoId],
) -> Result<(), LoadError> {
    let asked = ids.iter().map(|id| (map.dso(*id).memory_pages_imported(), *id)).max();
    let (asked, by) = asked.unwrap_or((0, DsoId(0)));
    let missing = asked.max(pages).saturating_sub(process.memory_pages());
    if missing > 0 {
        let dso = map.find(by).map(|dso| dso.name.to_string()).unwrap_or_default();
        process.grow_memory(missing).map_err(|source| LoadError::Vm { dso, source })?;
    }
    Ok(())
}

/// Grows the table to `len`, and to what the dsos `ids` ask for at least.
fn grow_table_to(
    process: &mut Process,
    len: u64,
    map: &LinkMap,
    ids: &[DsoId],
) -> Result<(), LoadError> {
    let asked = ids.iter().map(|id| (map.dso(*id).table_len_imported(), *id)).max();
    let (asked, by) = asked.unwrap_or((0, DsoId(0)));
    let missing = asked.max(len).saturating_sub(process.table_len().into());
    if missing > 0 {
        let dso = map.find(by).map(|dso| dso.name.to_string()).unwrap_or_default();
        let elements = u32::try_from(missing)
            .map_err(|_| LoadError::TableTooLarge { dso: dso.clone(), len: asked.max(len) })?;
        process.grow_table(elements).map_err(|source| LoadError::Vm { dso, source })?;
    }
    Ok(())
}

pub(crate) fn align_up(value: u64, align: u64) -> u64 {
    value.div_ceil(align) * align
}

/// Takes `size` from the first range that has room; the list stays sorted and disjoint.
fn take(free: &mut Vec<Range<u64>>, size: u64, align: u64) -> Option<Range<u64>> {
    let fits = |range: &Range<u64>| align_up(range.start, align) + size <= range.end;
    let position = free.iter().position(fits)?;
    let range = free[position].clone();
    let start = align_up(range.start, align);
    let rest = [range.start..start, start + size..range.end];
    free.splice(position..=position, rest.into_iter().filter(|range| !range.is_empty()));
    Some(start..start + size)
}

/// Adds a range, joined with its neighbours.
fn give(free: &mut Vec<Range<u64>>, range: Range<u64>) {
    if range.is_empty() {
        return;
    }
    let position = free.partition_point(|other| other.start < range.start);
    free.insert(position, range);
    free.dedup_by(|next, previous| {
        let joins = previous.end == next.start;
        if joins {
            previous.end = next.end;
        }
        joins
    });
}

#[cfg(test)]
mod tests {
    use super::{align_up, footprint, give, take};

    #[test]
    #[expect(clippy::single_range_in_vec_init, reason = "a list of one range")]
    fn ranges_are_taken_first_fit_and_joined_again() {
        let mut free = Vec::new();
        give(&mut free, 100..200);
        assert_eq!(take(&mut free, 16, 16), Some(112..128));
        assert_eq!(free, [100..112, 128..200]);
        assert_eq!(take(&mut free, 100, 1), None);
        give(&mut free, 112..128);
        assert_eq!(free, [100..200]);
        give(&mut free, 300..400);
        give(&mut free, 200..250);
        assert_eq!(free, [100..250, 300..400]);
        give(&mut free, 250..300);
        assert_eq!(free, [100..400]);
        give(&mut free, 0..10);
        give(&mut free, 400..500);
        assert_eq!(free, [0..10, 100..500]);
    }

    #[test]
    fn nothing_can_be_taken_anywhere() {
        let mut free = vec![4..8, 10..12];
        assert_eq!(take(&mut free, 0, 1), Some(4..4));
        assert_eq!(free, [4..8, 10..12]);
    }

    #[test]
    fn alignment_and_the_least_footprint() {
        assert_eq!(align_up(17, 16), 32);
        assert_eq!(align_up(32, 16), 32);
        assert_eq!((footprint(0), footprint(16), footprint(17)), (16, 16, 32));
    }
}
