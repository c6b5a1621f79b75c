//! Compilation of what was bound: from the cache, now, or when it is called.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use dynvm_jit::SomeCode;
use dynvm_vm::Process;
use dynvm_vm::instance::{Instance, InstanceId};
use dynvm_vm::types::DefinedFuncIndex;

use crate::cache::{Cache, Key};
use crate::dso::DsoId;
use crate::error::LoadError;
use crate::linker::Linker;

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
    for id in linker.map.ids_from(mark) {
        compile_one(linker, process, id)?;
    }
    let whom = linker.map.from(mark).next().map(|dso| dso.name.to_string()).unwrap_or_default();
    process.link().map_err(|source| LoadError::Vm { dso: whom, source })
}

fn compile_one(linker: &mut Linker, process: &mut Process, id: DsoId) -> Result<(), LoadError> {
    let dso = linker.map.dso(id);
    let instance = Arc::clone(process.instance(dso.instance()));
    let key = linker.cache.as_ref().map(|_| Cache::key(&linker.compiler, &instance));
    let stored = linker.cache.as_ref().zip(key.as_ref()).map(|(cache, key)| cache.load(key));
    let mut code = fitting(stored.unwrap_or_default(), &instance);
    let functions_len = instance.module.bodies.len();
    linker.statistics.functions_cached += code.len();

    if code.len() < functions_len && linker.lazy.is_none() {
        let missing = missing(&code, functions_len);
        let report = |functions| {
            if let Some(progress) = &linker.progress {
                progress.0(&Compiled { dso: &dso.name, functions, functions_all: missing.len() });
            }
        };
        let compiled = linker.compiler.compile_some(&instance, &missing, &report);
        let compiled = compiled.map_err(|source| LoadError::Compile {
            dso: dso.name.to_string(),
            source: Box::new(source),
        })?;
        if let (Some(cache), Some(key)) = (&linker.cache, &key) {
            keep(cache, key, &compiled);
        }
        code.extend(compiled);
    }
    linker.statistics.functions += code.len();
    linker.statistics.code_bytes += code.iter().map(|(_, code)| code.bytes.len()).sum::<usize>();
    match &linker.lazy {
        Some(lazy) if code.len() < functions_len => {
            let deferred = lazy.defer(process, dso.instance(), code);
            deferred.map_err(|source| LoadError::Vm { dso: dso.name.to_string(), source })?;
            linker.keys.extend(key.map(|key| (dso.instance(), key)));
        }
        _ => process.publish_some(dso.instance(), code),
    }
    Ok(())
}

/// What an entry of the cache says of functions that there are, once of each.
fn fitting(mut code: SomeCode, instance: &Instance) -> SomeCode {
    let mut seen = HashSet::with_capacity(code.len());
    code.retain(|(func, _)| func.index() < instance.module.bodies.len() && seen.insert(*func));
    code
}

fn missing(code: &SomeCode, functions_len: usize) -> Vec<DefinedFuncIndex> {
    let known: HashSet<DefinedFuncIndex> = code.iter().map(|(func, _)| *func).collect();
    let all = (0..functions_len).map(|index| DefinedFuncIndex(index as u32));
    all.filter(|func| !known.contains(func)).collect()
}

fn keep(cache: &Cache, key: &Key, code: &SomeCode) {
    if code.is_empty() {
        return;
    }
    if let Err(error) = cache.store(key, code) {
        let dir = cache.dir().display();
        tracing::debug!(target: "dynvm::files", "{dir}: code is not kept: {error}");
    }
}

/// Keeps what was compiled since the program started.
pub(crate) fn keep_compiled(linker: &Linker) {
    let (Some(lazy), Some(cache)) = (&linker.lazy, &linker.cache) else { return };
    for (instance, code) in lazy.take_kept() {
        if let Some(key) = linker.keys.get(&instance) {
            keep(cache, key, &code);
        }
    }
}

/// Nothing of an instance is compiled any longer: it goes.
pub(crate) fn forget(linker: &mut Linker, instance: InstanceId) {
    let Some(lazy) = &linker.lazy else { return };
    let code = lazy.forget(instance);
    let key = linker.keys.remove(&instance);
    if let (Some(cache), Some(key)) = (&linker.cache, key) {
        keep(cache, &key, &code);
    }
}
