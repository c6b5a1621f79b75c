//! `dlsym`: from a name to an address.

use std::sync::Mutex;

use dynvm_vm::Process;

use crate::buried::Owner;
use crate::dlfcn::{self, Failure, dso_of_handle};
use crate::dso::{DsoId, DsoState};
use crate::error::{LoadError, Mismatch};
use crate::linker::{Linker, lock};
use crate::resolve::{address, find_among, find_global, find_in_scopes};
use crate::symbol::{HashedName, Symbol, SymbolKind};

/// The scopes of the dso that asks.
const RTLD_DEFAULT: u32 = 0;
/// The scope that the asking dso came with, behind itself.
const RTLD_NEXT: u32 = u32::MAX;

pub(crate) fn dlsym(
    linker: &Mutex<Linker>,
    process: &mut Process,
    args: &[u32],
) -> Result<u32, Failure> {
    let name = dlfcn::string(process, args[1])?;
    let mut linker = lock(linker);
    linker.dl.error = None;
    let asker = dlfcn::caller(&linker, process);
    let (id, found) = find(&linker, args[0], asker, &name)?;
    if args[0] == RTLD_DEFAULT {
        note_binding(&mut linker, asker, id);
    }
    Ok(address_or_error(&mut linker, process, id, found, &name)?)
}

/// Address of a symbol as the main program would be given it: a table index for a function.
pub(crate) fn symbol(
    linker: &mut Linker,
    process: &mut Process,
    handle: u32,
    name: &str,
) -> Result<u32, LoadError> {
    let asker = linker.map.main().map(|main| main.id).ok_or(LoadError::NoMain)?;
    let (id, found) = find(linker, handle, asker, name)?;
    address_or_error(linker, process, id, found, name)
}

/// What kind of symbol a handle of a dso finds under a name.
pub(crate) fn kind_of(linker: &Linker, handle: u32, name: &str) -> Result<SymbolKind, LoadError> {
    let asker = dso_of_handle(linker, handle)?;
    find(linker, handle, asker, name).map(|(_, symbol)| symbol.kind)
}

/// The definition of `name` that `handle` leads `asker` to.
fn find(
    linker: &Linker,
    handle: u32,
    asker: DsoId,
    name: &str,
) -> Result<(DsoId, Symbol), LoadError> {
    let (map, global) = (&linker.map, &linker.global);
    let hashed = HashedName::new(name);
    // While destructors run their dsos are still found.
    let latest = DsoState::Closing;
    let (found, whom) = match handle {
        RTLD_DEFAULT => (find_in_scopes(map, global, map.dso(asker), hashed, latest), asker),
        RTLD_NEXT => (find_among(map, &next_of(linker, asker), hashed, latest), asker),
        _ => {
            let id = dso_of_handle(linker, handle)?;
            let dso = map.dso(id);
            let found = if dso.is_main {
                find_global(map, global, hashed, latest)
            } else {
                let searchlist = dso.searchlist.clone().unwrap_or_else(|| map.closure(id));
                find_among(map, &searchlist, hashed, latest)
            };
            (found, id)
        }
    };
    let scope = || match handle {
        RTLD_DEFAULT => "the global scope".to_owned(),
        RTLD_NEXT => format!("the scope behind `{}`", map.dso(asker).name),
        _ => format!("`{}`", map.dso(whom).name),
    };
    found.ok_or_else(|| LoadError::SymbolNotFound {
        symbol: name.to_owned(),
        scope: scope(),
        asker: name_for_guest(linker, whom),
    })
}

/// What the guest knows a dso by.
fn name_for_guest(linker: &Linker, id: DsoId) -> String {
    let dso = linker.map.dso(id);
    if !dso.is_main {
        dso.found_as.clone()
    } else if linker.dl.program.is_empty() {
        dso.name.to_string()
    } else {
        linker.dl.program.clone()
    }
}

/// The dsos behind `asker` in the search list of what brought it here.
fn next_of(linker: &Linker, asker: DsoId) -> Vec<DsoId> {
    let mut root = linker.map.dso(asker);
    while let Some(loader) = root.needed_by.and_then(|id| linker.map.find(id)) {
        root = loader;
    }
    let members = match &root.searchlist {
        Some(searchlist) if !root.is_main => &**searchlist,
        _ => linker.global.members(),
    };
    members.iter().copied().skip_while(|id| *id != asker).skip(1).collect()
}

/// What `asker` found in its scopes stays as long as it does: for good if it was there at start. As
/// in glibc, what `RTLD_NODELETE` keeps does not pass that on, but has a binding like any other.
pub(crate) fn note_binding(linker: &mut Linker, asker: DsoId, found: DsoId) {
    if !linker.map.is_binding(asker, found) {
        return;
    }
    let dso = linker.map.dso_mut(asker);
    if dso.is_start {
        linker.map.dso_mut(found).is_pinned = true;
    } else if !dso.bound_to.contains(&found) {
        dso.bound_to.push(found);
    }
}

fn address_or_error(
    linker: &mut Linker,
    process: &mut Process,
    id: DsoId,
    found: Symbol,
    name: &str,
) -> Result<u32, LoadError> {
    match address_of(linker, process, id, found)? {
        Some(address) => Ok(address),
        None => Err(LoadError::SymbolKind(Box::new(Mismatch {
            symbol: name.to_owned(),
            expected: "a function or data",
            needed_by: "dlsym".to_owned(),
            found: found.kind.noun(),
            defined_by: linker.map.dso(id).name.to_string(),
        }))),
    }
}

/// A function's canonical table index, made on demand, or the address of data.
fn address_of(
    linker: &mut Linker,
    process: &mut Process,
    id: DsoId,
    symbol: Symbol,
) -> Result<Option<u32>, LoadError> {
    let dso = linker.map.dso(id);
    let SymbolKind::Function(func_index) = symbol.kind else {
        return Ok(address(dso, symbol).map(|address| address as u32));
    };
    let func = process.instance(dso.instance()).func(func_index);
    if let Some(slot) = linker.slots.get(func) {
        return Ok(Some(slot));
    }
    let owner = |_: &Process| {
        let defined = dso.module.defined_func(func_index)?;
        Some(Owner::new(&dso.module, Some(defined)))
    };
    let range = match linker.space.take_own_slots(process, owner, 1) {
        Some(own) => own,
        None => linker.space.take_slots(process, 1, 1, &dso.name)?,
    };
    let slot = range.start as u32;
    linker.slots.add_fresh(func, slot);
    linker
        .slots
        .fill(process, func)
        .map_err(|source| LoadError::Vm { dso: dso.name.to_string(), source })?;
    Ok(Some(slot))
}
