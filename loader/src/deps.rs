//! Reading a module and, breadth first, every dso that it needs and that is not loaded yet.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use dynvm_vm::module::Module;
use rayon::prelude::*;

use crate::cache::Cache;
use crate::dialect::Dialect;
use crate::dialect::dyninfo;
use crate::dialect::flat::Flat;
use crate::dso::{Dso, DsoId, DsoState, LoadBias, Origin};
use crate::dylink::Dylink;
use crate::error::LoadError;
use crate::kept::{KeptModules, Read};
use crate::link_map::LinkMap;
use crate::search::{FileIdentity, Found, Search, host_path, runpath};
use crate::symbol::SymbolTable;

/// The dsos that one load brings: those from `mark` on. Nobody joins it once it is read.
#[derive(Debug)]
pub(crate) struct Batch {
    /// The first of them, if there are any: ids below were there before.
    pub(crate) mark: DsoId,
    /// What was asked for.
    pub(crate) root: DsoId,
    /// Needed libraries that are nowhere.
    pub(crate) missing: Vec<Missing>,
}

/// So many files, which are open meanwhile, are read together at most.
const TOGETHER_MAX: usize = 32;

/// Fewer are read one after the other: threads would have to be started first.
const TOGETHER_MIN: usize = 16;

/// What spares reading and validating modules again.
#[derive(Debug)]
pub(crate) struct Known<'a> {
    /// Of earlier processes.
    pub(crate) cache: Option<&'a Cache>,
    /// Of libraries that were closed.
    pub(crate) kept: &'a mut KeptModules,
}

/// How a library is loaded by a guest that does part of the dynamic linker's work itself.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Loads {
    /// Whether the guest loads what the library needs.
    pub(crate) needs_nothing: bool,
    /// Address that the guest chose for its data.
    pub(crate) base: Option<u32>,
}

/// A needed library that was not found.
#[derive(Clone, Debug)]
pub(crate) struct Missing {
    pub(crate) needed: String,
    pub(crate) needed_by: Arc<str>,
    pub(crate) searched: Vec<PathBuf>,
}

impl Batch {
    /// An error if something is missing.
    pub(crate) fn check_complete(&self) -> Result<(), LoadError> {
        match self.missing.first().cloned() {
            None => Ok(()),
            Some(Missing { needed, needed_by, searched }) => Err(LoadError::NeededNotFound {
                needed,
                needed_by: needed_by.to_string(),
                searched,
            }),
        }
    }
}

/// Reads the main program, the preloads and all that they need.
pub(crate) fn read_start(
    map: &mut LinkMap,
    search: &mut Search,
    known: &mut Known<'_>,
    program: &Path,
    preloads: &[PathBuf],
    flat: Option<&[PathBuf]>,
) -> Result<Batch, LoadError> {
    let mark = map.next_id();
    let found = host_path(program)
        .map_err(|source| LoadError::Read { path: program.to_owned(), source })?;
    search.main_dir = Some(crate::search::directory_of(program));
    let root = load(map, known, found, None, true)?;
    if let Some(libraries) = flat {
        make_flat(map, root);
        read_flat(map, known, root, libraries)?;
    }
    for preloads in preloads.chunks(TOGETHER_MAX) {
        let found = preloads.iter().map(|preload| find_preload(search, preload));
        let found = found.collect::<Result<Vec<_>, _>>()?;
        for id in load_all(map, known, found, root)? {
            add_needed(map, root, id);
        }
    }
    let missing = read_needed(map, search, known, mark)?;
    Ok(Batch { mark, root, missing })
}

/// Reads the other modules of a flat program, in the order in which they are given.
fn read_flat(
    map: &mut LinkMap,
    known: &mut Known<'_>,
    root: DsoId,
    libraries: &[PathBuf],
) -> Result<(), LoadError> {
    for library in libraries {
        let found = host_path(library)
            .map_err(|source| LoadError::Read { path: library.clone(), source })?;
        let id = match map.by_identity(found.identity) {
            Some(id) => id,
            None => load(map, known, found, Some(root), false)?,
        };
        make_flat(map, id);
        if id != root {
            add_needed(map, root, id);
        }
    }
    Ok(())
}

/// A module without a linking section becomes part of the flat program.
fn make_flat(map: &mut LinkMap, id: DsoId) {
    let dso = map.dso_mut(id);
    if dso.dylink.is_none() {
        dso.set_flat(Flat::default());
    }
}

/// Reads what a `dlopen` found and all that it needs.
pub(crate) fn read_opened(
    map: &mut LinkMap,
    search: &Search,
    known: &mut Known<'_>,
    found: Found,
    loads: Loads,
) -> Result<Batch, LoadError> {
    let mark = map.next_id();
    if let Some(root) = map.by_identity(found.identity) {
        return Ok(Batch { mark, root, missing: Vec::new() });
    }
    let root = load(map, known, found, None, false)?;
    if map.main().is_some_and(|main| main.flat().is_some()) {
        make_flat(map, root);
    }
    if let Some(base) = loads.base {
        place_at(map, root, base);
    }
    let needed = (!loads.needs_nothing).then(|| read_needed(map, search, known, mark));
    let missing = needed.transpose()?.unwrap_or_default();
    Ok(Batch { mark, root, missing })
}

/// A `dyninfo` module gets the place that the guest made for it.
fn place_at(map: &mut LinkMap, id: DsoId, base: u32) {
    let dso = map.dso_mut(id);
    let Dialect::Dyninfo(info) = &dso.dialect else { return };
    dso.dialect = Dialect::Dyninfo(Arc::new(info.at(base)));
    if let Some(dylink) = &mut dso.dylink {
        Arc::make_mut(dylink).room.memory_size = 0;
    }
}

/// A preload is a path if it looks like one, else it is searched like a needed library, else it
/// is a file of the working directory.
fn find_preload(search: &Search, preload: &Path) -> Result<Found, LoadError> {
    let name = preload.to_str().filter(|name| !name.contains('/'));
    let found = name.and_then(|name| search.library(name, None).ok());
    let found = found.map_or_else(|| host_path(preload), Ok);
    found.map_err(|source| LoadError::Read { path: preload.to_owned(), source })
}

/// What a dso needs, in order.
enum Needed {
    /// It is loaded.
    Loaded(DsoId),
    /// It is found, under a name that others with the same runpath may need too.
    Found((String, Vec<Origin>), Found),
}

/// Breadth first: each dso from `mark` on finds what it needs, which may add dsos at the end.
fn read_needed(
    map: &mut LinkMap,
    search: &Search,
    known: &mut Known<'_>,
    mark: DsoId,
) -> Result<Vec<Missing>, LoadError> {
    let mut missing = Vec::new();
    // Who has the same runpath finds the same file under a name.
    let mut found_before = HashMap::<(String, Vec<Origin>), DsoId>::new();
    let mut next = mark;
    while let Some(dso) = map.find(next) {
        let asker = dso.id;
        let names = dso.dylink.as_ref().map(|dylink| dylink.needed.clone()).unwrap_or_default();
        let mut waiting = Vec::new();
        for needed in names {
            let dso = map.dso(asker);
            let place = (needed, runpath(dso));
            if let Some(id) = found_before.get(&place) {
                waiting.push(Needed::Loaded(*id));
                continue;
            }
            match search.library(&place.0, Some(dso)) {
                Ok(found) => waiting.push(Needed::Found(place, found)),
                Err(searched) => {
                    let (needed_by, needed) = (Arc::clone(&dso.name), place.0);
                    add_all_needed(map, known, asker, &mut waiting, &mut found_before)?;
                    // A preload or an earlier `dlopen` by path can be what is needed.
                    match map.by_name(&needed) {
                        Some(id) => add_needed(map, asker, id),
                        None => missing.push(Missing { needed, needed_by, searched: searched.0 }),
                    }
                }
            }
            if waiting.len() == TOGETHER_MAX {
                add_all_needed(map, known, asker, &mut waiting, &mut found_before)?;
            }
        }
        add_all_needed(map, known, asker, &mut waiting, &mut found_before)?;
        next = DsoId(next.0 + 1);
    }
    Ok(missing)
}

/// Loads what is not loaded of what `asker` needs, and leaves nothing waiting.
fn add_all_needed(
    map: &mut LinkMap,
    known: &mut Known<'_>,
    asker: DsoId,
    waiting: &mut Vec<Needed>,
    found_before: &mut HashMap<(String, Vec<Origin>), DsoId>,
) -> Result<(), LoadError> {
    let (mut places, mut found) = (Vec::new(), Vec::new());
    for needed in waiting.drain(..) {
        places.push(match needed {
            Needed::Loaded(id) => Err(id),
            Needed::Found(place, file) => {
                found.push(file);
                Ok(place)
            }
        });
    }
    let mut ids = load_all(map, known, found, asker)?.into_iter();
    for place in places {
        let id = match place {
            Err(id) => id,
            Ok(place) => {
                let id = ids.next().expect("each file that was found is loaded");
                found_before.insert(place, id);
                id
            }
        };
        add_needed(map, asker, id);
    }
    Ok(())
}

fn add_needed(map: &mut LinkMap, asker: DsoId, id: DsoId) {
    let dso = map.dso_mut(asker);
    if !dso.needed.contains(&id) {
        dso.needed.push(id);
    }
}

/// Reads and decodes one file and its linking section.
fn read_module(
    bytes: Vec<u8>,
    path: &Path,
    cache: Option<&Cache>,
) -> Result<(Module, Option<Dylink>, Dialect), LoadError> {
    let decoded = match cache {
        Some(cache) => cache.decode(bytes),
        None => dynvm_jit::decode(bytes),
    };
    let module = decoded
        .map_err(|source| LoadError::Decode { path: path.to_owned(), source: Box::new(source) })?;
    let malformed = |source| LoadError::Dylink { path: path.to_owned(), source };
    if let Some(dylink) = Dylink::of_module(&module).map_err(malformed)? {
        return Ok((module, Some(dylink), Dialect::Standard));
    }
    Ok(match dyninfo::of_module(&module).map_err(malformed)? {
        Some((dylink, info)) => (module, Some(dylink), Dialect::Dyninfo(Arc::new(info))),
        None => (module, None, Dialect::Standard),
    })
}

/// What a file asks of the dynamic linker, without loading it.
pub(crate) fn look_at(found: Found) -> Result<Dylink, LoadError> {
    let path = found.path.clone();
    let content = found.read();
    let (bytes, _) = content.map_err(|source| LoadError::Read { path: path.clone(), source })?;
    let (_, dylink, _) = read_module(bytes, &path, None)?;
    Ok(dylink.unwrap_or_default())
}

/// A file that was found.
enum File {
    /// It has not changed since it was read.
    Kept(Read),
    /// It is to be read; what was kept of one that was there may still be what it is.
    Unread { found: Found, kept: Option<Read> },
}

/// What was read from a file, and how long decoding it took.
type Decoded = (Read, Dialect, Duration);

impl File {
    fn new(found: Found, known: &mut Known<'_>) -> File {
        let stamp = found.stamp();
        match known.kept.take(found.identity) {
            Some(kept) if stamp.is_some() && kept.stamp == stamp => File::Kept(kept),
            kept => File::Unread { found, kept },
        }
    }

    /// Reads and decodes it, unless that was done.
    fn read(self, cache: Option<&Cache>, is_main: bool) -> Result<Decoded, LoadError> {
        let (found, kept) = match self {
            File::Kept(kept) => return Ok((kept, Dialect::Standard, Duration::ZERO)),
            File::Unread { found, kept } => (found, kept),
        };
        let path = found.path.clone();
        let content = found.read();
        let (bytes, stamp) =
            content.map_err(|source| LoadError::Read { path: path.clone(), source })?;
        if let Some(kept) = kept
            && *kept.module.bytes == bytes
        {
            return Ok((Read { stamp, ..kept }, Dialect::Standard, Duration::ZERO));
        }
        let started = Instant::now();
        let (module, dylink, dialect) = read_module(bytes, &path, cache)?;
        let decoded_in = started.elapsed();
        let (module, dylink) = (Arc::new(module), dylink.map(Arc::new));
        let symbols = Arc::new(match &dialect {
            Dialect::Dyninfo(info) => SymbolTable::of_dyninfo(info, &module, is_main),
            _ => SymbolTable::of_module(&module, dylink.as_ref()),
        });
        Ok((Read { module, dylink, symbols, stamp }, dialect, decoded_in))
    }
}

/// Reads and decodes one file and appends it to the link map.
fn load(
    map: &mut LinkMap,
    known: &mut Known<'_>,
    found: Found,
    needed_by: Option<DsoId>,
    is_main: bool,
) -> Result<DsoId, LoadError> {
    let place = Place::of(&found);
    let decoded = File::new(found, known).read(known.cache, is_main)?;
    Ok(append(map, place, needed_by, is_main, decoded))
}

/// Loads those files that are not loaded yet, in their order, and gives the dsos of all of them. Many
/// are read at the same time.
fn load_all(
    map: &mut LinkMap,
    known: &mut Known<'_>,
    all: Vec<Found>,
    asker: DsoId,
) -> Result<Vec<DsoId>, LoadError> {
    let identities: Vec<FileIdentity> = all.iter().map(|found| found.identity).collect();
    let mut seen = HashSet::new();
    let mut fresh = all;
    fresh.retain(|it| map.by_identity(it.identity).is_none() && seen.insert(it.identity));
    if fresh.len() < TOGETHER_MIN {
        for found in fresh {
            load(map, known, found, Some(asker), false)?;
        }
    } else {
        let started = Instant::now();
        let places: Vec<Place> = fresh.iter().map(Place::of).collect();
        let files: Vec<File> = fresh.into_iter().map(|found| File::new(found, known)).collect();
        let cache = known.cache;
        let decoded = files.into_par_iter().map(|file| file.read(cache, false));
        let decoded: Vec<Result<Decoded, LoadError>> = decoded.collect();
        // Of the time that passed, each has its share.
        let all = decoded.iter().flatten().map(|(.., decoded_in)| *decoded_in).sum::<Duration>();
        let share = started.elapsed().as_secs_f64() / all.as_secs_f64().max(f64::MIN_POSITIVE);
        for (place, decoded) in places.into_iter().zip(decoded) {
            let (read, dialect, decoded_in) = decoded?;
            let decoded_in = decoded_in.mul_f64(share.min(1.0));
            append(map, place, Some(asker), false, (read, dialect, decoded_in));
        }
    }
    let loaded = identities.into_iter().map(|identity| map.by_identity(identity));
    Ok(loaded.map(|id| id.expect("it was loaded just now, or before")).collect())
}

/// Where a file was found.
struct Place {
    path: PathBuf,
    found_as: String,
    identity: FileIdentity,
    origin: Origin,
}

impl Place {
    fn of(found: &Found) -> Place {
        Place {
            path: found.path.clone(),
            found_as: found.found_as.clone(),
            identity: found.identity,
            origin: found.origin.clone(),
        }
    }
}

fn append(
    map: &mut LinkMap,
    place: Place,
    needed_by: Option<DsoId>,
    is_main: bool,
    (read, dialect, decoded_in): Decoded,
) -> DsoId {
    let Place { path, found_as, identity, origin } = place;
    let found_as = if is_main { String::new() } else { found_as };
    let Read { module, dylink, symbols, stamp } = read;
    let file_name = path.file_name().map(|name| name.to_string_lossy().into_owned());
    let name: Arc<str> = file_name.unwrap_or_else(|| path.display().to_string()).into();
    let asker = needed_by.and_then(|id| map.find(id)).map_or("", |dso| &dso.name);
    tracing::debug!(
        target: "dynvm::files",
        "{} loaded from {}{}",
        name,
        path.display(),
        if asker.is_empty() { String::new() } else { format!(", needed by {asker}") }
    );
    let id = map.next_id();
    map.push(Dso {
        id,
        name,
        path,
        found_as,
        identity,
        origin,
        stamp,
        symbols,
        module,
        decoded_in,
        dylink,
        is_main,
        needed: Vec::new(),
        needed_by,
        bias: LoadBias::default(),
        memory: 0..0,
        table: 0..0,
        tls: 0..0,
        instance: None,
        state: DsoState::Loading,
        opened: u32::from(is_main),
        is_start: false,
        // Others hold addresses in such a module that nobody counts.
        is_pinned: matches!(dialect, Dialect::Dyninfo(_)),
        is_stopped: false,
        dialect,
        bound_to: Vec::new(),
        dependencies: Arc::from([]),
        searchlist: None,
        global_slots: Vec::new(),
        scopes: Vec::new(),
        flat_scope: Arc::from([]),
        constructor: None,
    });
    id
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::{File, Known};
    use crate::kept::{KeptModules, Read};
    use crate::search::host_path;
    use crate::symbol::SymbolTable;

    fn bytes(text: &str) -> Vec<u8> {
        wat::parse_str(text).expect("valid text")
    }

    /// What is read from a file after a module of another text was kept for it, with a stamp that is
    /// the file's or none.
    fn read_after(kept_text: &str, is_same_stamp: bool, file_text: &str) -> Vec<u8> {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("a.wasm");
        std::fs::write(&path, bytes(file_text)).expect("written");
        let found = host_path(&path).expect("found");
        let module = Arc::new(dynvm_jit::decode(bytes(kept_text)).expect("valid"));
        let symbols = Arc::new(SymbolTable::of_module(&module, None));
        let stamp = found.stamp().filter(|_| is_same_stamp);
        let mut kept = KeptModules::default();
        kept.put(
            found.identity,
            Read { module: Arc::clone(&module), dylink: None, symbols, stamp },
        );
        let known = &mut Known { cache: None, kept: &mut kept };
        let (found, ..) = File::new(found, known).read(None, false).expect("read");
        let is_kept = Arc::ptr_eq(&found.module, &module);
        assert_eq!(is_kept, is_same_stamp || kept_text == file_text);
        found.module.bytes.to_vec()
    }

    #[test]
    fn a_file_with_the_stamp_that_is_known_is_not_read() {
        let (one, other) = ("(module)", "(module (memory 1))");
        assert_eq!(read_after(one, true, other), bytes(one));
        assert_eq!(read_after(one, false, other), bytes(other));
        assert_eq!(read_after(one, false, one), bytes(one));
    }
}
