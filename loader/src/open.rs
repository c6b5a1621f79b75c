//! The main path: from a file to dsos whose constructors can run. All or nothing.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use dynvm_vm::{Placement, Process};

use crate::buried::Owner;
use crate::deps::{self, Batch, Known};
use crate::dialect::dyninfo;
use crate::dialect::flat::{self, Flat};
use crate::dso::{Dso, DsoId};
use crate::error::LoadError;
use crate::init;
use crate::linker::{Linker, lock};
use crate::relocate::{self, Relocation};
use crate::resolve::{References, Resolver};
use crate::search::{Found, Searched, host_path};
use crate::{bind, compile, dlfcn};

/// A batch that is loaded and relocated, but not constructed.
#[derive(Debug)]
pub(crate) struct Opened {
    /// What was asked for.
    pub(crate) root: DsoId,
    /// It and what it needs, in the order of construction; nothing if it was opened before.
    pub(crate) order: Vec<DsoId>,
    /// Whether it was not there before.
    pub(crate) is_new: bool,
}

/// Loads the main program, the preloads and all that they need.
pub(crate) fn open_main(
    linker: &Mutex<Linker>,
    process: &mut Process,
    program: &Path,
    preloads: &[PathBuf],
) -> Result<Opened, LoadError> {
    let read = |linker: &mut Linker| {
        let Linker { map, search, dialects, cache, kept, .. } = linker;
        if map.main().is_some() {
            return Err(LoadError::SecondMain);
        }
        let known = &mut Known { cache: cache.as_ref(), kept };
        deps::read_start(map, search, known, program, preloads, dialects.flat.as_deref())
    };
    load(linker, process, dlfcn::Flags::NOW, read)
}

/// Loads the library `name` and all that it needs, unless `flags` forbid it. The name is the
/// guest's: a path in it is one of the guest's view, and it is looked for as `asker` asks for it.
/// `None` if it is not loaded and shall not be.
pub(crate) fn open_library(
    linker: &Mutex<Linker>,
    process: &mut Process,
    name: &str,
    asker: DsoId,
    flags: dlfcn::Flags,
) -> Result<Option<Opened>, LoadError> {
    let (found, loaded) = {
        let linker = lock(linker);
        if linker.is_relocating {
            return Err(LoadError::Busy);
        }
        match linker.search.library(name, linker.map.find(asker)) {
            Ok(found) => {
                let loaded = linker.map.by_identity(found.identity);
                (Some(found), loaded)
            }
            Err(searched) => match linker.map.by_name(name) {
                Some(loaded) => (None, Some(loaded)),
                None => {
                    return Err(LoadError::NotFound {
                        name: name.to_owned(),
                        searched: searched.0,
                    });
                }
            },
        }
    };
    match (loaded, found) {
        (Some(root), _) => Ok(Some(open_again(&mut lock(linker), root, flags))),
        (None, Some(found)) if !flags.is_noload() => {
            open_found(linker, process, found, flags).map(Some)
        }
        _ => Ok(None),
    }
}

/// A handle of what is loaded: what was a dependency so far gets a search list of its own.
fn open_again(linker: &mut Linker, root: DsoId, flags: dlfcn::Flags) -> Opened {
    let dso = linker.map.dso(root);
    if dso.searchlist.is_some() || dso.is_main {
        return Opened { root, order: Vec::new(), is_new: false };
    }
    let mark = linker.map.next_id();
    linker.map.make_root(root, mark, flags.is_deep());
    let order = linker.map.dso(root).dependencies.iter().rev().copied().collect();
    Opened { root, order, is_new: false }
}

/// What a library that the guest names asks for, without loading it: its dso if it is loaded, the
/// size of its data, and the names of what it needs.
pub(crate) fn look_at(
    linker: &Linker,
    name: &str,
) -> Result<(Option<DsoId>, u32, Vec<String>), LoadError> {
    let found = linker.search.library(name, linker.map.main());
    let not_found =
        |searched: Searched| LoadError::NotFound { name: name.to_owned(), searched: searched.0 };
    let found = found.map_err(not_found)?;
    if let Some(id) = linker.map.by_identity(found.identity) {
        return Ok((Some(id), 0, Vec::new()));
    }
    let dylink = deps::look_at(found)?;
    Ok((None, dylink.room.memory_size, dylink.needed))
}

/// Loads the library at a path of the host's.
pub(crate) fn open_path(
    linker: &Mutex<Linker>,
    process: &mut Process,
    path: &Path,
    flags: dlfcn::Flags,
) -> Result<Opened, LoadError> {
    let found =
        host_path(path).map_err(|source| LoadError::Read { path: path.to_owned(), source })?;
    let loaded = lock(linker).map.by_identity(found.identity);
    match loaded {
        Some(root) => Ok(open_again(&mut lock(linker), root, flags)),
        None => open_found(linker, process, found, flags),
    }
}

fn open_found(
    linker: &Mutex<Linker>,
    process: &mut Process,
    found: Found,
    flags: dlfcn::Flags,
) -> Result<Opened, LoadError> {
    let read = |linker: &mut Linker| {
        let loads = std::mem::take(&mut linker.dialects.loads);
        let Linker { map, search, cache, kept, .. } = linker;
        deps::read_opened(map, search, &mut Known { cache: cache.as_ref(), kept }, found, loads)
    };
    load(linker, process, flags, read)
}

/// Loads the batch that `read` puts at the end of the link map. On error everything is as it was.
/// What `is_lazy` asks for, the linker's options can ask for too.
fn load(
    shared: &Mutex<Linker>,
    process: &mut Process,
    flags: dlfcn::Flags,
    read: impl FnOnce(&mut Linker) -> Result<Batch, LoadError>,
) -> Result<Opened, LoadError> {
    let mut linker = lock(shared);
    if linker.is_relocating {
        return Err(LoadError::Busy);
    }
    let mark = linker.map.next_id();
    let tags = linker.tags.clone();
    let linked = link(&mut linker, process, flags, read);
    let (root, relocations) = linked.inspect_err(|_| {
        linker.discard(process, mark);
        // Whoever comes next may say of what type a language's tag is.
        linker.tags = tags;
    })?;
    // Beyond this point nothing can fail but the guest's own code, and the lock is not held while
    // that runs.

    linker.is_relocating = true;
    drop(linker);
    let relocated = relocate::run(process, &relocations);
    let mut linker = lock(shared);
    linker.is_relocating = false;
    if let Err(error) = relocated {
        linker.discard(process, mark);
        return Err(error);
    }
    linker.map.commit(mark);
    if let Some(links) = linker.dialects.next_links.take() {
        linker.dialects.links = links;
    }
    tracing::debug!(target: "dynvm::statistics", "{}", linker.statistics);
    let order = linker.map.dso(root).dependencies.iter().rev().copied().collect();
    Ok(Opened { root, order, is_new: true })
}

/// Every step of a load that runs no guest code.
fn link(
    linker: &mut Linker,
    process: &mut Process,
    flags: dlfcn::Flags,
    read: impl FnOnce(&mut Linker) -> Result<Batch, LoadError>,
) -> Result<(DsoId, Vec<Relocation>), LoadError> {
    let started = Instant::now();
    let mark = linker.map.next_id();
    let batch = read(linker)?;
    batch.check_complete()?;
    // Beyond this point no dso joins the batch.
    let validated: Duration = linker.map.from(mark).map(|dso| dso.decoded_in).sum();
    linker.statistics.validate += validated;
    linker.statistics.read += started.elapsed().saturating_sub(validated);

    let started = Instant::now();
    let references = prepare(linker, process, &batch, flags)?;
    let Linker { map, space, slots, unbound, .. } = linker;
    dyninfo::note_slots(map, slots, process, mark);
    let fresh = bind::assign_slots(map, slots, space, process, &references)?;
    // Beyond this point every symbol has its final address.

    bind::bind(map, (slots, unbound), process, &references)?;
    linker.statistics.bind += started.elapsed();

    compile::compile(linker, process, mark)?;
    // Beyond this point every function of the batch can be called.

    for func in fresh {
        linker
            .slots
            .fill(process, func)
            .map_err(|source| LoadError::Vm { dso: process.func_name(func), source })?;
    }
    init::find_constructors(&mut linker.map, mark, process)?;
    let whom = |source| LoadError::Vm { dso: "the function table".to_owned(), source };
    dyninfo::fill_table(&linker.map, process, mark).map_err(whom)?;
    let (links, mut patches) = dyninfo::link::link(&linker.dialects.links, &linker.map, mark);
    linker.dialects.next_links = (!patches.is_empty()).then_some(links);
    let relocations = linker.map.from(mark).map(|dso| {
        let mut relocation = Relocation::of_dso(dso, process);
        relocation.patches = patches.remove(&dso.id).unwrap_or_default();
        relocation
    });
    let mut relocations: Vec<Relocation> = relocations.collect();
    if linker.dialects.flat.is_some() {
        // The first module of the command line is the last to copy its segments.
        relocations.reverse();
    }
    Ok((batch.root, relocations))
}

/// Gives the dsos of a complete batch ids, scopes and places, and resolves what they import.
pub(crate) fn prepare(
    linker: &mut Linker,
    process: &mut Process,
    batch: &Batch,
    flags: dlfcn::Flags,
) -> Result<References, LoadError> {
    flat::join_tables(&mut linker.map, process, batch.mark);
    declare(linker, process, batch.mark)?;
    let is_start = linker.map.main().is_some_and(|main| main.id >= batch.mark);
    if is_start {
        process.set_memory_shared(linker.map.main().is_some_and(Dso::has_shared_memory));
        linker.space.place_start(&mut linker.map, batch.mark, process, linker.stack_size_bytes)?;
        if !linker.space.stack.is_empty() {
            process.set_stack_pointer(linker.space.stack.end);
        }
    } else {
        linker.space.place_opened(&mut linker.map, batch.mark, process)?;
    }
    // Before anything is bound to it: what is never unloaded is no matter of bindings.
    linker.map.dso_mut(batch.root).is_pinned |= flags.is_nodelete();
    set_scopes(linker, batch, is_start, flags.is_deep());
    flat::set_scopes(linker, batch.mark);
    flat::warn_about_overlaps(&linker.map, batch.mark);
    linker.statistics.dsos += linker.map.ids_from(batch.mark).len();

    let mut resolver = Resolver::new(linker, process, flags.is_lazy() || linker.is_lazy);
    let references = resolver.resolve(batch.mark)?;
    for (id, bound_to) in std::mem::take(&mut resolver.bound) {
        linker.map.dso_mut(id).bound_to = bound_to;
    }
    linker.statistics.imports += references.iter().map(|(_, imports)| imports.len()).sum::<usize>();
    Ok(references)
}

fn declare(linker: &mut Linker, process: &mut Process, mark: DsoId) -> Result<(), LoadError> {
    for id in linker.map.ids_from(mark) {
        let dso = linker.map.dso_mut(id);
        if linker.statistics.dsos_unloaded > 0 {
            // Opened again, it gets the functions and slots that it had.
            Owner::new(&dso.module, None);
        }
        let placement = match dso.flat() {
            _ if dso.is_main => Placement::Process,
            Some(Flat { joins_table }) => Placement::Joined { table: joins_table },
            None => Placement::Private,
        };
        let declared = process.declare(&dso.name, Arc::clone(&dso.module), placement);
        let declared =
            declared.map_err(|source| LoadError::Vm { dso: dso.name.to_string(), source })?;
        dso.instance = Some(declared);
        linker.statistics.bytes += dso.module.bytes.len();
    }
    Ok(())
}

/// What start-up loads makes the global scope; what is opened later searches its own group.
fn set_scopes(linker: &mut Linker, batch: &Batch, is_start: bool, is_deep: bool) {
    let closure = linker.map.closure(batch.root);
    linker.map.make_root(batch.root, batch.mark, is_deep);
    if is_start {
        for id in closure.iter() {
            linker.map.dso_mut(*id).is_start = true;
            linker.global.push(linker.map.dso(*id));
        }
        let imports = linker.map.from(batch.mark).flat_map(|dso| &dso.module.imports);
        linker.global.foresee(imports.map(|import| &import.field));
        trace_scope(linker, "global scope", &closure);
        warn_about_static_main(linker);
        return;
    }
    trace_scope(linker, "local scope", &closure);
}

fn trace_scope(linker: &Linker, what: &str, members: &[DsoId]) {
    if tracing::enabled!(target: "dynvm::scopes", tracing::Level::DEBUG) {
        let names: Vec<&str> = members.iter().map(|id| &*linker.map.dso(*id).name).collect();
        tracing::debug!(target: "dynvm::scopes", "{what}: {}", names.join(" "));
    }
}

/// The static linker silently makes references of such a program to data of libraries zero.
fn warn_about_static_main(linker: &Linker) {
    let Some(main) = linker.map.main() else { return };
    let needs = main.dylink.as_ref().is_some_and(|dylink| !dylink.needed.is_empty());
    if needs && !main.is_relocatable() {
        tracing::warn!(
            target: "dynvm::files",
            "{} needs libraries but is not position independent: \
             its references to their data can be zero (link it with -pie)",
            main.name
        );
    }
}
