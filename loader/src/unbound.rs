//! Lazy binding: imported functions that nobody defined when they were asked for. Each is a
//! function of the process without code; its first call looks for a definition again.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, Weak};

use dynvm_jit::LazyCompiler;
use dynvm_vm::code::TrapCode;
use dynvm_vm::context::FuncId;
use dynvm_vm::module::Import;
use dynvm_vm::types::TypeId;
use dynvm_vm::{Error, Process, Stop, Trap};

use crate::dlsym;
use crate::dso::{Dso, DsoId};
use crate::linker::{Linker, lock};
use crate::resolve::{self, Resolver};

/// Every import that waits for a definition, or got one at its first call.
#[derive(Debug, Default)]
pub(crate) struct Unbound {
    imports: HashMap<FuncId, UnboundImport>,
    by_import: HashMap<(DsoId, String, TypeId), FuncId>,
}

#[derive(Clone, Debug)]
struct UnboundImport {
    asker: DsoId,
    import: Import,
    /// Its name in messages.
    symbol: String,
    ty: TypeId,
    /// Whether a first call looks for it; else, as for a weak symbol, which is bound to nothing, it
    /// traps.
    is_lazy: bool,
}

impl Unbound {
    /// The function that stands for an import of `asker` until somebody defines it.
    pub(crate) fn add(
        &mut self,
        process: &mut Process,
        asker: &Dso,
        import: &Import,
        ty: TypeId,
        is_lazy: bool,
    ) -> Result<FuncId, Error> {
        let symbol = resolve::symbol_name(import).into_owned();
        let key = (asker.id, symbol.clone(), ty);
        if let Some(func) = self.by_import.get(&key) {
            return Ok(*func);
        }
        let func = process.add_unbound_function(&symbol, ty)?;
        let import = import.clone();
        self.imports.insert(func, UnboundImport { asker: asker.id, import, symbol, ty, is_lazy });
        self.by_import.insert(key, func);
        Ok(func)
    }

    /// What waits for a definition: its place, symbol, who needs it, type.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (FuncId, &str, DsoId, TypeId)> {
        self.imports.iter().map(|(func, it)| (*func, it.symbol.as_str(), it.asker, it.ty))
    }

    /// Whether code must call `func` through what can change.
    pub(crate) fn can_change(&self, func: FuncId) -> bool {
        self.imports.get(&func).is_some_and(|import| import.is_lazy)
    }

    /// Takes back what dsos that go asked for.
    pub(crate) fn forget(&mut self, process: &mut Process, gone: &[DsoId]) {
        self.by_import.retain(|(asker, ..), _| !gone.contains(asker));
        self.imports.retain(|func, import| {
            let stays = !gone.contains(&import.asker);
            if !stays {
                process.remove_unbound_function(*func);
            }
            stays
        });
    }
}

/// Who finds the code of a function that is called without having any.
pub(crate) struct FirstCalls {
    pub(crate) linker: Weak<Mutex<Linker>>,
    /// Who compiles what is defined.
    pub(crate) lazy: Option<Arc<LazyCompiler>>,
}

impl dynvm_vm::Resolver for FirstCalls {
    fn resolve(&self, process: &mut Process, func: FuncId) -> Result<(), Stop> {
        let Some(linker) = self.linker.upgrade() else {
            return Err(Trap::new(TrapCode::Host, "the loader is gone").into());
        };
        let mut linker = lock(&linker);
        let Some(unbound) = linker.unbound.imports.get(&func).cloned() else {
            drop(linker);
            return self.compile(process, func);
        };
        let found = find(&mut linker, process, &unbound)?;
        drop(linker);
        if process.is_unresolved(found) {
            self.compile(process, found)?;
        }
        process.forward(func, found);
        Ok(())
    }

    fn hot(&self, process: &mut Process, func: FuncId, in_loop: Option<u32>) -> Option<usize> {
        self.lazy.as_ref()?.hot(process, func, in_loop)
    }
}

impl FirstCalls {
    fn compile(&self, process: &mut Process, func: FuncId) -> Result<(), Stop> {
        let lazy = self.lazy.as_ref().expect("only unbound and deferred functions have no code");
        lazy.first_call(process, func)
    }
}

/// The definition that the asker of an import sees now.
fn find(
    linker: &mut Linker,
    process: &mut Process,
    unbound: &UnboundImport,
) -> Result<FuncId, Stop> {
    let UnboundImport { asker, import, symbol, ty, is_lazy } = unbound;
    let asker = *asker;
    let needed_by = linker.map.dso(asker).name.to_string();
    let undefined =
        || Trap::new(TrapCode::UndefinedSymbol, format!("`{symbol}` (needed by {needed_by})"));
    if !is_lazy {
        return Err(undefined().into());
    }
    let mut resolver = Resolver::new(linker, process, false);
    resolver.is_first_call = true;
    resolver.bound.push((asker, Vec::new()));
    let found = resolver.function(resolver.map.dso(asker), import, *ty, 0);
    let bound = resolver.bound.pop().map(|(_, bound)| bound).unwrap_or_default();
    let found = match found {
        Ok(found) => found,
        Err(resolve::Unresolved::Undefined) => return Err(undefined().into()),
        Err(resolve::Unresolved::Mismatch(error)) => {
            return Err(Trap::new(TrapCode::UndefinedSymbol, error.to_string()).into());
        }
    };
    // A function of the host's may have been unused so far.
    process.link().map_err(|error| Trap::new(TrapCode::Host, error.to_string()))?;
    for id in bound {
        dlsym::note_binding(linker, asker, id);
    }
    tracing::trace!(
        target: "dynvm::bindings",
        "{needed_by}: `{symbol}` bound at its first call to {}", process.func_name(found)
    );
    Ok(found)
}
