//! Binding: references become what the runtime gives an instance for each import.

use std::collections::HashSet;

use dynvm_vm::context::{FuncId, GlobalSlot};
use dynvm_vm::instance::{Callee, Extern, GlobalPlace, MemoryId, TableId};
use dynvm_vm::module::{Entity, EntityType, Import, Module};
use dynvm_vm::types::{GlobalType, ValType};
use dynvm_vm::value::RawValue;
use dynvm_vm::{Error, Process};

use crate::buried::owner_of;
use crate::dso::{Dso, DsoId};
use crate::error::LoadError;
use crate::got::{FunctionSlots, elements_of};
use crate::layout::Space;
use crate::link_map::LinkMap;
use crate::resolve::{Reference, References};
use crate::unbound::Unbound;

/// Gives every function whose address the batch takes its canonical slot. Returns those that got
/// a fresh one: their table elements are to be filled once they have code.
pub(crate) fn assign_slots(
    map: &LinkMap,
    slots: &mut FunctionSlots,
    space: &mut Space,
    process: &mut Process,
    references: &References,
) -> Result<Vec<FuncId>, LoadError> {
    // Own elements first: a dso's code uses the slots of its own functions without asking.
    for (id, _) in references {
        let dso = map.dso(*id);
        for (func, slot) in elements_of(dso) {
            if let Some(defined) = dso.module.defined_func(func) {
                slots.note(process.defined_func(dso.instance(), defined), slot);
            }
        }
    }
    for (id, imports) in references {
        let dso = map.dso(*id);
        let functions: Vec<FuncId> = imports.iter().filter_map(function).collect();
        for (func, slot) in elements_of(dso) {
            if let Some(imported) = functions.get(func.index()) {
                slots.note(*imported, slot);
            }
        }
    }
    let mut fresh = Vec::new();
    let mut seen = HashSet::new();
    for (_, imports) in references {
        for reference in imports {
            if let Reference::FunctionPointer(func) = reference
                && slots.get(*func).is_none()
                && seen.insert(*func)
            {
                fresh.push(*func);
            }
        }
    }
    let all = fresh.clone();
    fresh.retain(|func| {
        let own = space.take_own_slots(process, |process| owner_of(map, process, *func), 1);
        if let Some(own) = &own {
            slots.add_fresh(*func, own.start as u32);
        }
        own.is_none()
    });
    let whom = references.first().map_or("", |(id, _)| &map.dso(*id).name);
    let range = space.take_slots(process, fresh.len() as u64, 1, whom)?;
    for (func, slot) in fresh.iter().zip(range) {
        slots.add_fresh(*func, slot as u32);
    }
    Ok(all)
}

fn function(reference: &Reference) -> Option<FuncId> {
    match reference {
        Reference::Func(func) => Some(*func),
        _ => None,
    }
}

/// Binds the instances of the batch. One that uses a global, table, memory or tag of another waits
/// until that one is bound.
pub(crate) fn bind(
    map: &mut LinkMap,
    (slots, unbound_functions): (&FunctionSlots, &Unbound),
    process: &mut Process,
    references: &References,
) -> Result<(), LoadError> {
    let mut waiting: Vec<&(DsoId, Vec<Reference>)> = references.iter().collect();
    while !waiting.is_empty() {
        let unbound: HashSet<DsoId> = waiting.iter().map(|(id, _)| *id).collect();
        let (ready, blocked): (Vec<_>, Vec<_>) =
            waiting.iter().copied().partition(|(_, imports)| {
                !imports.iter().filter_map(definer).any(|id| unbound.contains(&id))
            });
        if ready.is_empty() {
            let dsos = blocked.iter().map(|(id, _)| map.dso(*id).name.to_string()).collect();
            return Err(LoadError::ImportCycle { dsos });
        }
        for (id, imports) in ready {
            let bound =
                bind_one(map, (slots, unbound_functions), process, map.dso(*id), imports).map_err(
                    |source| LoadError::Vm { dso: map.dso(*id).name.to_string(), source },
                )?;
            let lenders = lenders(map, slots, *id, imports);
            let dso = map.dso_mut(*id);
            dso.global_slots = bound;
            for lender in lenders {
                if !dso.bound_to.contains(&lender) {
                    dso.bound_to.push(lender);
                }
            }
        }
        waiting = blocked;
    }
    Ok(())
}

/// The dso that must be bound before what is bound to this reference.
fn definer(reference: &Reference) -> Option<DsoId> {
    match reference {
        Reference::Global(id, _)
        | Reference::Memory(id, _)
        | Reference::Table(id, _)
        | Reference::Tag(id, _) => Some(*id),
        _ => None,
    }
}

fn bind_one(
    map: &LinkMap,
    functions: (&FunctionSlots, &Unbound),
    process: &mut Process,
    dso: &Dso,
    imports: &[Reference],
) -> Result<Vec<GlobalSlot>, Error> {
    let mut made = Vec::new();
    let mut externs = Vec::with_capacity(imports.len());
    let mut assigned = assigned_globals(&dso.module).into_iter();
    for (import, reference) in dso.module.imports.iter().zip(imports) {
        let is_global = matches!(import.ty, EntityType::Global(_));
        let is_assigned = is_global && assigned.next().unwrap_or(true);
        let given = external(map, functions, process, import, *reference, is_assigned)?;
        if let Extern::Global(GlobalPlace::Slot(slot)) = given
            && !matches!(reference, Reference::Global(..))
        {
            made.push(slot);
        }
        externs.push(given);
    }
    process.bind(dso.instance(), &externs)?;
    Ok(made)
}

/// Dsos whose part of the table holds functions that `id` takes the address of, and that do not
/// stay anyway.
fn lenders(map: &LinkMap, slots: &FunctionSlots, id: DsoId, imports: &[Reference]) -> Vec<DsoId> {
    let pointers = imports.iter().filter_map(|reference| match reference {
        Reference::FunctionPointer(func) => slots.get(*func),
        _ => None,
    });
    let pointers: Vec<u32> = pointers.collect();
    if pointers.is_empty() {
        return Vec::new();
    }
    let lends = |dso: &&Dso| {
        map.is_binding(id, dso.id) && pointers.iter().any(|slot| dso.table.contains(slot))
    };
    map.iter().filter(lends).map(|dso| dso.id).collect()
}

/// Whether the module, or somebody it exports it to, may change each imported global: then its
/// value cannot be folded into code.
pub(crate) fn assigned_globals(module: &Module) -> Vec<bool> {
    let imported = module.imported_globals as usize;
    let mut assigned: Vec<bool> = module.globals_assigned.iter().copied().take(imported).collect();
    if !module.globals[..imported].iter().any(|ty| ty.is_mutable) {
        return assigned;
    }
    for export in &module.exports {
        if let Entity::Global(global) = export.entity
            && let Some(is_assigned) = assigned.get_mut(global.index())
        {
            *is_assigned |= module.globals[global.index()].is_mutable;
        }
    }
    assigned
}

fn external(
    map: &LinkMap,
    (slots, unbound): (&FunctionSlots, &Unbound),
    process: &mut Process,
    import: &Import,
    reference: Reference,
    is_assigned: bool,
) -> Result<Extern, Error> {
    let instance = |id: DsoId, process: &Process| process.instance(map.dso(id).instance()).clone();
    let number = match reference {
        Reference::Func(func) => {
            return Ok(Extern::Func(Callee { func, is_preemptible: unbound.can_change(func) }));
        }
        Reference::StackPointer => return Ok(Extern::Global(GlobalPlace::StackPointer)),
        Reference::ProcessMemory => return Ok(Extern::Memory(MemoryId::PROCESS)),
        Reference::ProcessTable => return Ok(Extern::Table(TableId::PROCESS)),
        Reference::Global(id, global) => {
            return Ok(Extern::Global(instance(id, process).globals[global.index()]));
        }
        Reference::Memory(id, memory) => {
            return Ok(Extern::Memory(instance(id, process).memories[memory.index()].id));
        }
        Reference::Table(id, table) => {
            return Ok(Extern::Table(instance(id, process).tables[table.index()].id));
        }
        Reference::Tag(id, tag) => {
            return Ok(Extern::Tag(instance(id, process).tags[tag.index()]));
        }
        Reference::OwnTag(tag) => return Ok(Extern::Tag(tag)),
        Reference::Address(address) => address,
        Reference::FunctionPointer(func) => {
            slots.get(func).expect("every function whose address is taken got a slot").into()
        }
    };
    let is_32 = matches!(import.ty, EntityType::Global(GlobalType { value: ValType::I32, .. }));
    let value = if is_32 { RawValue::from(number as u32) } else { RawValue::from(number) };
    tracing::trace!(target: "dynvm::reloc", "{import} = {number:#x}");
    Ok(Extern::Global(if is_assigned {
        GlobalPlace::Slot(process.add_global(value)?)
    } else {
        GlobalPlace::Constant(value)
    }))
}
