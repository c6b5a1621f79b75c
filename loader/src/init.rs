//! Constructors: which there are, and running them.

use std::sync::Mutex;

use dynvm_vm::context::FuncId;
use dynvm_vm::{Process, Stop};

use crate::dso::{Dso, DsoId, DsoState};
use crate::error::{LoadError, Mismatch};
use crate::link_map::LinkMap;
use crate::linker::{Linker, lock};

/// Notes the constructors of the dsos from `mark` on; the main program's, whose `_start` runs
/// them itself, only if it has no `_start`.
pub(crate) fn find_constructors(
    map: &mut LinkMap,
    mark: DsoId,
    process: &Process,
) -> Result<(), LoadError> {
    for id in map.ids_from(mark) {
        map.dso_mut(id).constructor = constructor(map.dso(id), process)?;
    }
    Ok(())
}

fn constructor(dso: &Dso, process: &Process) -> Result<Option<FuncId>, LoadError> {
    let runs_itself = dso.exported_function("_start").is_some()
        && (dso.flat().is_none() || dso.exported_function("main").is_none());
    if dso.is_main && runs_itself {
        return Ok(None);
    }
    let legacy = dso.dylink.as_ref().is_some_and(|dylink| dylink.is_legacy);
    let legacy = if legacy { dso.exported_function("__post_instantiate") } else { None };
    let current = dso.exported_function("__wasm_call_ctors");
    let reactor = dso.exported_function("_initialize");
    if current.is_some() && reactor.is_some() && dso.dylink.is_some() {
        return Err(LoadError::BothInitializers { dso: dso.name.to_string() });
    }
    let Some(func) = reactor.or(current).or(legacy) else { return Ok(None) };
    let ty = dso.module.func_type(func);
    if !ty.params.is_empty() || !ty.results.is_empty() {
        return Err(LoadError::FunctionType(Box::new(Mismatch {
            symbol: dso.module.func_name(func),
            expected: dynvm_vm::types::FuncType::default(),
            needed_by: "the loader".to_owned(),
            found: ty.clone(),
            defined_by: dso.name.to_string(),
        })));
    }
    let defined = dso.module.defined_func(func);
    Ok(defined.map(|defined| process.defined_func(dso.instance(), defined)))
}

/// Runs the constructors of those dsos whose turn has not come yet, in order. They may open and
/// close libraries, and so run some of the others first.
pub(crate) fn run(
    shared: &Mutex<Linker>,
    process: &mut Process,
    order: &[DsoId],
) -> Result<(), Stop> {
    for id in order {
        let constructor = {
            let mut linker = lock(shared);
            let Linker { map, destructors, .. } = &mut *linker;
            if map.find(*id).is_none_or(|dso| dso.state != DsoState::Relocated) {
                continue;
            }
            let dso = map.dso_mut(*id);
            dso.state = DsoState::Constructed;
            let Some(constructor) = dso.constructor else { continue };
            tracing::debug!(target: "dynvm::init", "calling the constructors of {}", dso.name);
            destructors.constructing.push(*id);
            constructor
        };
        let constructed = process.call(constructor, &[]);
        let mut linker = lock(shared);
        linker.destructors.constructing.pop();
        if let (Err(_), Some(dso)) = (&constructed, linker.map.find_mut(*id)) {
            dso.is_stopped = true;
        }
        constructed?;
    }
    Ok(())
}
