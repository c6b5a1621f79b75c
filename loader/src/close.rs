//! Unloading: a dso goes when no handle, no dependent and no binding holds it any longer.

use std::collections::HashSet;
use std::sync::Mutex;

use dynvm_vm::{Process, Stop};

use crate::dso::{Dso, DsoId, DsoState};
use crate::exit;
use crate::linker::{Linker, lock};
use crate::order;

/// Runs the destructors of every dso that nothing holds, dependents first, and unloads them. On
/// error tells whose destructor stopped the program.
pub(crate) fn unload_unused(
    shared: &Mutex<Linker>,
    process: &mut Process,
) -> Result<(), (String, Stop)> {
    // A destructor that closes libraries leaves the rest to who runs it, as in glibc.
    if std::mem::replace(&mut lock(shared).is_closing, true) {
        return Ok(());
    }
    let closed = unload_all_unused(shared, process);
    lock(shared).is_closing = false;
    closed
}

fn unload_all_unused(shared: &Mutex<Linker>, process: &mut Process) -> Result<(), (String, Stop)> {
    loop {
        let unused = retire_unused(&mut lock(shared), process);
        if unused.is_empty() {
            return Ok(());
        }
        for (id, name) in &unused {
            tracing::debug!(target: "dynvm::init", "calling the destructors of {name}");
            exit::run_of(shared, process, *id).map_err(|stop| (name.clone(), stop))?;
            lock(shared).map.dso_mut(*id).state = DsoState::Closed;
        }
        // Beyond this point no function of theirs runs again.

        let ids: Vec<DsoId> = unused.into_iter().map(|(id, _)| id).collect();
        lock(shared).unload(process, &ids);
    }
}

/// Gives back the handle of `root`, whose constructors stopped, and unloads what nothing holds. With
/// `unpin` it is not kept for ever either. No code of the guest's runs: what is registered as a
/// destructor is forgotten with its dso.
pub(crate) fn abandon(linker: &mut Linker, process: &mut Process, root: DsoId, unpin: bool) {
    if let Some(dso) = linker.map.find_mut(root) {
        dso.opened = dso.opened.saturating_sub(1);
        dso.is_pinned &= !unpin || dso.dyninfo().is_some();
    }
    linker.map.reconstruct();
    let unused: Vec<DsoId> = retire_unused(linker, process).into_iter().map(|(id, _)| id).collect();
    linker.destructors.forget(&unused);
    linker.unload(process, &unused);
}

/// Finds the dsos that nothing holds, in the order of their destruction, and hides them: nobody
/// opens them any longer, and what is loaded while their destructors run is not bound to them. For
/// `dlsym` each is where it was until its own have run, as in glibc.
fn retire_unused(linker: &mut Linker, process: &Process) -> Vec<(DsoId, String)> {
    let running: HashSet<_> = process.running().into_iter().collect();
    let is_running = |dso: &Dso| dso.instance.is_some_and(|instance| running.contains(&instance));
    let is_held = |dso: &&Dso| {
        let is_loading = dso.state == DsoState::Loading || linker.is_relocating;
        let is_closing = dso.state >= DsoState::Closing;
        let is_asked_for = dso.is_start || dso.is_pinned || dso.opened > 0;
        is_asked_for || is_loading || is_closing || is_running(dso)
    };
    let held = linker.map.with_closing().filter(is_held).map(|dso| dso.id);
    let mut pending: Vec<DsoId> = held.collect();
    let mut reached: HashSet<DsoId> = pending.iter().copied().collect();
    while let Some(id) = pending.pop() {
        let dso = linker.map.dso(id);
        let next = dso.needed.iter().chain(&dso.bound_to).copied();
        pending.extend(next.filter(|id| reached.insert(*id)));
    }
    let unused: Vec<DsoId> =
        linker.map.iter().map(|dso| dso.id).filter(|id| !reached.contains(id)).collect();
    if unused.is_empty() {
        return Vec::new();
    }
    let all: Vec<DsoId> = linker.map.with_closing().map(|dso| dso.id).collect();
    let order = order::for_destructors(&all, &linker.map, false);
    linker.map.retire(&unused);
    let unused = order.into_iter().filter(|id| unused.contains(id));
    unused.map(|id| (id, linker.map.dso(id).name.to_string())).collect()
}
