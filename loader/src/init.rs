//! Constructors: which there are, and in which order they run.

use std::collections::HashSet;

use dynvm_vm::context::FuncId;
use dynvm_vm::{Process, Stop};

use crate::dso::{Dso, DsoId};
use crate::error::{LoadError, Mismatch};
use crate::link_map::LinkMap;

/// The constructors of one dso.
#[derive(Clone, Debug)]
pub(crate) struct Constructor {
    pub(crate) dso: DsoId,
    pub(crate) name: String,
    pub(crate) func: FuncId,
}

/// Order in which `dsos`, given in load order, are constructed: dependencies first. It is the
/// order in which a depth-first search leaves them that starts from the last loaded, which is
/// what glibc's `dynamic_sort=2` does; a cycle is broken where the search meets a dso that it has
/// not left yet.
pub(crate) fn construction_order<'a>(
    dsos: &[DsoId],
    needed: impl Fn(DsoId) -> &'a [DsoId],
) -> Vec<DsoId> {
    let members: HashSet<DsoId> = dsos.iter().copied().collect();
    let mut entered = HashSet::new();
    let mut order = Vec::with_capacity(dsos.len());
    // The chain of dsos being visited, each with how many of its dependencies were looked at.
    let mut path: Vec<(DsoId, usize)> = Vec::new();
    for root in dsos.iter().rev() {
        if entered.insert(*root) {
            path.push((*root, 0));
        }
        while let Some((id, next)) = path.last_mut() {
            match needed(*id).get(*next) {
                Some(dependency) => {
                    *next += 1;
                    if members.contains(dependency) && entered.insert(*dependency) {
                        path.push((*dependency, 0));
                    }
                }
                None => {
                    order.push(*id);
                    path.pop();
                }
            }
        }
    }
    order
}

/// The constructors of the dsos from `mark` on, in order; the main program's, whose `_start` runs
/// them itself, only if it has no `_start`.
pub(crate) fn constructors(
    map: &LinkMap,
    mark: DsoId,
    process: &Process,
) -> Result<Vec<Constructor>, LoadError> {
    let order = construction_order(&map.ids_from(mark), |id| &map.dso(id).needed);
    let mut constructors = Vec::new();
    for id in order {
        let dso = map.dso(id);
        if let Some(func) = constructor(dso, process)? {
            constructors.push(Constructor { dso: id, name: dso.name.to_string(), func });
        }
    }
    Ok(constructors)
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

/// Runs constructors in order. They may open and close libraries.
pub(crate) fn run(process: &mut Process, constructors: &[Constructor]) -> Result<(), Stop> {
    for constructor in constructors {
        tracing::debug!(target: "dynvm::init", "calling the constructors of {}", constructor.name);
        process.call(constructor.func, &[])?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
