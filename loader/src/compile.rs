//! Compilation of what was bound: from the cache, now, or when it is called.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use dynvm_jit::{SomeCode, Unit};
use dynvm_vm::Process;
use dynvm_vm::code::CodeStore;
use dynvm_vm::instance::InstanceId;
use dynvm_vm::types::DefinedFuncIndex;

use crate::cache::{BatchKey, Cache, Keys, Part, StartPack};
use crate::dso::DsoId;
use crate::error::LoadError;
use crate::linker::Linker;
use crate::relocate;

/// How far compilation before the start is, for who watches.
#[derive(Clone, Copy, Debug)]
pub struct Compiled<'a> {
    /// Whose functions.
    pub dso: &'a str,
    /// How many are compiled.
    pub functions: usize,
    /// Out of how many.
    pub functions_all: usize,
}

/// Who watches compilation. It is called on any thread.
#[derive(Clone)]
pub struct Progress(pub Arc<dyn Fn(&Compiled<'_>) + Send + Sync>);

impl fmt::Debug for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Progress")
    }
}

/// Makes every function of the dsos from `mark` on one that can be called.
pub(crate) fn compile(
    linker: &mut Linker,
    process: &mut Process,
    mark: DsoId,
) -> Result<(), LoadError> {
    let started = Instant::now();
    let ids = linker.map.ids_from(mark);
    let instances: Vec<InstanceId> = ids.iter().map(|id| linker.map.dso(*id).instance()).collect();
    let units = Unit::batch(process, &instances);
    let keys = linker.cache.as_ref().map(|_| Keys::new(&linker.compiler, &units));
    if let (Some(cache), Some(keys)) = (&linker.cache, &keys)
        && linker.map.main().is_some_and(|main| main.id >= mark)
        && keys.len() > 1
    {
        linker.start_pack = Some(cache.start_pack(keys));
    }
    let keys = keys.iter().flat_map(Keys::each).map(Some).chain(std::iter::repeat(None));
    for ((id, unit), key) in ids.into_iter().zip(units).zip(keys) {
        compile_one(linker, process, id, unit, key)?;
    }
    trim(linker);
    linker.statistics.compile += started.elapsed();
    let started = Instant::now();
    let whom = linker.map.from(mark).next().map(|dso| dso.name.to_string()).unwrap_or_default();
    process.link().map_err(|source| LoadError::Vm { dso: whom, source })?;
    linker.statistics.place += started.elapsed();
    Ok(())
}

fn compile_one(
    linker: &mut Linker,
    process: &mut Process,
    id: DsoId,
    unit: Unit,
    key: Option<BatchKey>,
) -> Result<(), LoadError> {
    let stored = key.as_ref().map(|key| load(linker, key));
    let dso = linker.map.dso(id);
    let functions_len = unit.instance().module.bodies.len();
    let with_provisional = linker.lazy.as_ref().is_some_and(|lazy| lazy.has_baseline());
    let stored = Stored::new(stored.unwrap_or_default(), functions_len, with_provisional);
    let cached = stored.known.len() + stored.provisional.len();
    linker.statistics.functions_cached += cached;
    linker.statistics.functions += cached;
    linker.statistics.code_bytes += stored.code_bytes;
    match &linker.lazy {
        Some(lazy) if stored.known.len() < functions_len => {
            // Nobody but the loader calls what relocates data, and hardly ever its code.
            let aside = relocate::functions(dso);
            let deferred = lazy.defer(process, unit, &stored.known, &stored.provisional, &aside);
            deferred.map_err(|source| LoadError::Vm { dso: dso.name.to_string(), source })?;
            linker.keys.extend(key.map(|key| (dso.instance(), key)));
        }
        _ => {
            let missing = stored.missing(functions_len);
            let report = |functions| {
                if let Some(progress) = &linker.progress {
                    let functions_all = missing.len();
                    progress.0(&Compiled { dso: &dso.name, functions, functions_all });
                }
            };
            let compiled = linker.compiler.compile_some(&unit, &missing, &report);
            let compiled = compiled.map_err(|source| LoadError::Compile {
                dso: dso.name.to_string(),
                source: Box::new(source),
            })?;
            if let (Some(cache), Some(key)) = (&linker.cache, &key) {
                keep(cache, &mut linker.start_pack, key, &compiled);
            }
            linker.statistics.functions += compiled.len();
            let inlined = compiled.iter().map(|(_, code)| code.inlined_calls as usize);
            linker.statistics.inlined += inlined.sum::<usize>();
            let bytes = compiled.iter().map(|(_, code)| code.bytes.len());
            linker.statistics.code_bytes += bytes.sum::<usize>();
            if !compiled.is_empty() {
                process.publish_some(dso.instance(), compiled);
            }
        }
    }
    stored.publish(process, dso.instance());
    Ok(())
}

/// What the cache has under a name.
fn load(linker: &Linker, key: &BatchKey) -> Vec<Part> {
    let packed = linker.start_pack.as_ref().and_then(|pack| pack.parts(key));
    let entry = || linker.cache.as_ref().map(|cache| cache.load(key.get())).unwrap_or_default();
    packed.unwrap_or_else(entry)
}

/// Functions of a file of the cache, with their numbers there.
type Used = Vec<(DefinedFuncIndex, u32)>;

/// What the cache has of an instance: each function once.
#[derive(Default)]
struct Stored {
    /// Files, and which of their functions are used.
    parts: Vec<(Arc<Part>, Used)>,
    /// Those whose code is the best there is.
    known: Vec<DefinedFuncIndex>,
    /// Those that have provisional code alone.
    provisional: Vec<DefinedFuncIndex>,
    code_bytes: usize,
}

/// What was found of a function so far.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Found {
    Nothing,
    Provisional,
    Lasting,
}

impl Stored {
    /// Provisional code is of use `with_provisional`, and of no function that has better.
    fn new(parts: Vec<Part>, functions_len: usize, with_provisional: bool) -> Stored {
        if parts.is_empty() {
            return Stored::default();
        }
        let mut found = vec![Found::Nothing; functions_len];
        let mut taken: Vec<Used> = Vec::with_capacity(parts.len());
        for wanted in [Found::Lasting, Found::Provisional] {
            if wanted == Found::Provisional && !with_provisional {
                break;
            }
            taken.resize(parts.len(), Used::new());
            for (part, used) in parts.iter().zip(&mut taken) {
                for (func, number) in part.functions().zip(0..) {
                    let is_wanted = part.is_provisional(number) == (wanted == Found::Provisional);
                    // What is no function of the module was made by nobody we know.
                    let Some(found @ Found::Nothing) = found.get_mut(func.index()) else {
                        continue;
                    };
                    if is_wanted {
                        *found = wanted;
                        used.push((func, number));
                    }
                }
            }
        }
        let with = |wanted| {
            let all = found.iter().zip(0..).filter(move |(found, _)| **found == wanted);
            all.map(|(_, index)| DefinedFuncIndex(index)).collect::<Vec<_>>()
        };
        let (known, provisional) = (with(Found::Lasting), with(Found::Provisional));
        let mut stored = Stored { parts: Vec::new(), known, provisional, code_bytes: 0 };
        for (part, mut used) in parts.into_iter().zip(taken) {
            stored.code_bytes +=
                used.iter().map(|(_, number)| part.bytes(*number).len()).sum::<usize>();
            // In the order that compiled code has: neighbours in the module stay neighbours.
            used.sort_unstable();
            stored.parts.push((Arc::new(part), used));
        }
        stored
    }

    fn missing(&self, functions_len: usize) -> Vec<DefinedFuncIndex> {
        let mut is_missing = vec![true; functions_len];
        self.known.iter().for_each(|func| is_missing[func.index()] = false);
        let all = is_missing.into_iter().zip(0..);
        all.filter(|(is_missing, _)| *is_missing)
            .map(|(_, index)| DefinedFuncIndex(index))
            .collect()
    }

    fn publish(self, process: &mut Process, instance: InstanceId) {
        for (part, used) in self.parts {
            let store: Arc<dyn CodeStore> = part;
            process.publish_stored(instance, &store, used);
        }
    }
}

fn keep(cache: &Cache, start_pack: &mut Option<StartPack>, key: &BatchKey, code: &SomeCode) {
    if code.is_empty() {
        return;
    }
    match cache.store(key.get(), code) {
        Ok(()) => {
            if let Some(pack) = start_pack {
                pack.note(key);
            }
        }
        Err(error) => {
            let dir = cache.dir().display();
            tracing::debug!(target: "dynvm::files", "{dir}: code is not kept: {error}");
        }
    }
}

/// Keeps the cache's limit.
fn trim(linker: &Linker) {
    // What is too much is removed by whoever stores next.
    let _ = linker.cache.as_ref().map(Cache::trim);
}

/// Keeps what was compiled since the program started.
pub(crate) fn keep_compiled(linker: &mut Linker) {
    if let Some(cache) = &linker.cache {
        // That they are not kept costs the next start some time.
        let _ = cache.store_small();
    }
    if let (Some(lazy), Some(cache)) = (&linker.lazy, &linker.cache) {
        // What is compiled from now on would come too late.
        lazy.stop();
        for (instance, code) in lazy.take_kept() {
            if let Some(key) = linker.keys.get(&instance) {
                keep(cache, &mut linker.start_pack, key, &code);
            }
        }
    }
    if let (Some(cache), Some(pack)) = (&linker.cache, linker.start_pack.take()) {
        let _ = cache.store_pack(&pack);
    }
    trim(linker);
}

/// Nothing of an instance is compiled any longer: it goes.
pub(crate) fn forget(linker: &mut Linker, instance: InstanceId) {
    let Some(lazy) = &linker.lazy else { return };
    let code = lazy.forget(instance);
    let key = linker.keys.remove(&instance);
    if let (Some(cache), Some(key)) = (&linker.cache, key) {
        keep(cache, &mut linker.start_pack, &key, &code);
    }
    trim(linker);
}
