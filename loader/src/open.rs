//! The main path: from a file to dsos whose constructors can run. All or nothing.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use dynvm_vm::{Placement, Process};

use crate::deps::{self, Batch};
use crate::dialect::flat::{self, Flat};
use crate::dso::{Dso, DsoId};
use crate::error::LoadError;
use crate::init::{self, Constructor};
use crate::linker::{Linker, lock};
use crate::relocate::{self, Relocation};
use crate::resolve::{References, Resolver};
use crate::search::{Found, host_path};
use crate::{bind, compile, dlfcn};

/// A batch that is loaded and relocated, but not constructed.
#[derive(Debug)]
pub(crate) struct Opened {
    /// What was asked for.
    pub(crate) root: DsoId,
    /// What is to run next, in order.
    pub(crate) constructors: Vec<Constructor>,
}

/// Loads the main program, the preloads and all that they need.
pub(crate) fn open_main(
    linker: &Mutex<Linker>,
    process: &mut Process,
    program: &Path,
    preloads: &[PathBuf],
) -> Result<Opened, LoadError> {
    load(linker, process, false, |linker| {
        let Linker { map, search, dialects, .. } = linker;
        if map.main().is_some() {
            return Err(LoadError::SecondMain);
        }
        deps::read_start(map, search, program, preloads, dialects.flat.as_deref())
    })
}

/// Loads the library `name` and all that it needs, unless `flags` forbid it. The name is the
/// guest's: a path in it is one of the guest's view.
pub(crate) fn open_library(
    linker: &Mutex<Linker>,
    process: &mut Process,
    name: &str,
    flags: dlfcn::Flags,
) -> Result<Opened, LoadError> {
    let (found, loaded) = {
        let linker = lock(linker);
        if linker.is_relocating {
            return Err(LoadError::Busy);
        }
        match linker.search.library(name, linker.map.main()) {
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
        (Some(root), _) => Ok(Opened { root, constructors: Vec::new() }),
        (None, Some(found)) if !flags.is_noload() => open_found(linker, process, found, flags),
        _ => Err(LoadError::NotLoaded { name: name.to_owned() }),
    }
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
    open_found(linker, process, found, flags)
}

fn open_found(
    linker: &Mutex<Linker>,
    process: &mut Process,
    found: Found,
    flags: dlfcn::Flags,
) -> Result<Opened, LoadError> {
    load(linker, process, flags.is_lazy(), |linker| {
        deps::read_opened(&mut linker.map, &linker.search, found)
    })
}

/// Loads the batch that `read` puts at the end of the link map. On error everything is as it was.
/// What `is_lazy` asks for, the linker's options can ask for too.
fn load(
    shared: &Mutex<Linker>,
    process: &mut Process,
    is_lazy: bool,
    read: impl FnOnce(&mut Linker) -> Result<Batch, LoadError>,
) -> Result<Opened, LoadError> {
    let mut linker = lock(shared);
    if linker.is_relocating {
        return Err(LoadError::Busy);
    }
    let mark = linker.map.next_id();
    let tags = linker.tags.clone();
    let linked = link(&mut linker, process, is_lazy, read);
    let (root, relocations, constructors) = linked.inspect_err(|_| {
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
    tracing::debug!(target: "dynvm::statistics", "{}", linker.statistics);
    Ok(Opened { root, constructors })
}

/// Every step of a load that runs no guest code.
fn link(
    linker: &mut Linker,
    process: &mut Process,
    is_lazy: bool,
    read: impl FnOnce(&mut Linker) -> Result<Batch, LoadError>,
) -> Result<(DsoId, Vec<Relocation>, Vec<Constructor>), LoadError> {
    let started = Instant::now();
    let mark = linker.map.next_id();
    let batch = read(linker)?;
    batch.check_complete()?;
    // Beyond this point no dso joins the batch.
    linker.statistics.read += started.elapsed();

    let started = Instant::now();
    let references = prepare(linker, process, &batch, is_lazy || linker.is_lazy)?;
    let Linker { map, space, slots, unbound, .. } = linker;
    let fresh = bind::assign_slots(map, slots, space, process, &references)?;
    // Beyond this point every symbol has its final address.

    bind::bind(map, (slots, unbound), process, &references)?;
    linker.statistics.bind += started.elapsed();

    let started = Instant::now();
    compile::compile(linker, process, mark)?;
    linker.statistics.compile += started.elapsed();
    // Beyond this point every function of the batch can be called.

    for func in fresh {
        linker
            .slots
            .fill(process, func)
            .map_err(|source| LoadError::Vm { dso: process.func_name(func), source })?;
    }
    let constructors = init::constructors(&linker.map, mark, process)?;
    let relocations = linker.map.from(mark).map(|dso| Relocation::of_dso(dso, process));
    let mut relocations: Vec<Relocation> = relocations.collect();
    if linker.dialects.flat.is_some() {
        // The first module of the command line is the last to copy its segments.
        relocations.reverse();
    }
    Ok((batch.root, relocations, constructors))
}

/// Gives the dsos of a complete batch ids, scopes and places, and resolves what they import.
pub(crate) fn prepare(
    linker: &mut Linker,
    process: &mut Process,
    batch: &Batch,
    is_lazy: bool,
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
    set_scopes(linker, batch, is_start);
    flat::set_scopes(linker, batch.mark);
    flat::warn_about_overlaps(&linker.map, batch.mark);
    linker.statistics.dsos += linker.map.ids_from(batch.mark).len();

    let mut resolver = Resolver::new(linker, process, is_lazy);
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
fn set_scopes(linker: &mut Linker, batch: &Batch, is_start: bool) {
    let closure = linker.map.closure(batch.root);
    if is_start {
        for id in closure.iter() {
            linker.map.dso_mut(*id).is_pinned = true;
            linker.global.push(linker.map.dso(*id));
        }
        trace_scope(linker, "global scope", &closure);
        warn_about_static_main(linker);
        return;
    }
    for id in linker.map.ids_from(batch.mark) {
        linker.map.dso_mut(id).local_scope = Arc::clone(&closure);
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
