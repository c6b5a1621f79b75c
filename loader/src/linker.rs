//! The dynamic linker's state: all that loading reads and changes, besides the process itself.

use std::collections::HashMap;
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use dynvm_jit::{Compiler, LazyCompiler, LazyStatistics};
use dynvm_vm::Process;
use dynvm_vm::instance::{InstanceId, TagId};
use dynvm_vm::types::{DefinedFuncIndex, TypeId};

use crate::buried::Owner;
use crate::compile;
use crate::dialect;
use crate::dlfcn::DlState;
use crate::dso::{Dso, DsoId};
use crate::exit::Destructors;
use crate::got::FunctionSlots;
use crate::host::Hosts;
use crate::kept::KeptModules;
use crate::layout::Space;
use crate::link_map::LinkMap;
use crate::scope::Scope;
use crate::search::Search;
use crate::unbound::Unbound;

/// What loading reads and changes. It is never locked while guest code runs, which can come back
/// through `dlopen`.
pub(crate) struct Linker {
    pub(crate) map: LinkMap,
    /// Main, preloads, what they need, then what was opened with `RTLD_GLOBAL`.
    pub(crate) global: Scope,
    pub(crate) search: Search,
    pub(crate) space: Space,
    pub(crate) slots: FunctionSlots,
    pub(crate) hosts: Hosts,
    pub(crate) unbound: Unbound,
    /// Tags that the loader made, by name.
    pub(crate) tags: HashMap<String, (TagId, TypeId)>,
    pub(crate) compiler: Arc<Compiler>,
    pub(crate) cache: Option<crate::cache::Cache>,
    /// Modules of libraries that were closed.
    pub(crate) kept: KeptModules,
    pub(crate) progress: Option<compile::Progress>,
    /// Who compiles functions when they are called, if that is when.
    pub(crate) lazy: Option<Arc<LazyCompiler>>,
    /// Where the code of deferred instances is kept.
    pub(crate) keys: HashMap<InstanceId, crate::cache::BatchKey>,
    /// What the cache has of the start in one file.
    pub(crate) start_pack: Option<crate::cache::StartPack>,
    pub(crate) dl: DlState,
    /// What the other dialects remember.
    pub(crate) dialects: dialect::State,
    pub(crate) destructors: Destructors,
    pub(crate) statistics: Statistics,
    pub(crate) stack_size_bytes: u64,
    /// Whether functions that nobody defines are looked for when they are called instead of failing
    /// the load.
    pub(crate) is_lazy: bool,
    /// Whether a function of the loader's own wins over every library's of this name.
    pub(crate) own_wins: fn(&str) -> bool,
    /// Whether guest code runs that relocates a batch: no other load can start.
    pub(crate) is_relocating: bool,
    /// Whether destructors of what is unloaded run.
    pub(crate) is_closing: bool,
    /// What was opened and whose constructors stopped, the innermost first: it goes once it was said
    /// how. And whether it is not kept for ever then.
    pub(crate) stopped: Vec<(DsoId, bool)>,
}

/// What loading cost, in numbers.
#[derive(Clone, Debug, Default)]
pub struct Statistics {
    /// Dsos loaded.
    pub dsos: usize,
    /// Dsos unloaded again.
    pub dsos_unloaded: usize,
    /// Bytes of their files.
    pub bytes: usize,
    /// Functions with code.
    pub functions: usize,
    /// Those of them whose code was not compiled but found in the cache.
    pub functions_cached: usize,
    /// Calls that were inlined when code was compiled.
    pub inlined: usize,
    /// Imports bound.
    pub imports: usize,
    /// Bytes of machine code.
    pub code_bytes: usize,
    /// Time to find and read.
    pub read: std::time::Duration,
    /// Time to decode and validate.
    pub validate: std::time::Duration,
    /// Time to resolve and bind.
    pub bind: std::time::Duration,
    /// Time to compile, or to find code in the cache.
    pub compile: std::time::Duration,
    /// Time to place code and bind its calls.
    pub place: std::time::Duration,
    /// What was compiled since.
    pub lazy: LazyStatistics,
}

impl fmt::Display for Statistics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Statistics { dsos, bytes, functions, functions_cached, .. } = self;
        let Statistics { imports, code_bytes, read, validate, bind, compile, place, .. } = self;
        write!(f, "{dsos} dsos of {bytes} bytes read in {read:.1?}, ")?;
        write!(f, "decoded and validated in {validate:.1?}, ")?;
        write!(f, "{imports} imports bound in {bind:.1?}, ")?;
        write!(
            f,
            "{functions} functions ({functions_cached} cached) of {code_bytes} bytes in {compile:.1?}, \
             placed in {place:.1?}"
        )
    }
}

/// Locks the linker. A panic elsewhere does not make its state worse than it is.
pub(crate) fn lock(linker: &Mutex<Linker>) -> MutexGuard<'_, Linker> {
    linker.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Takes elements of the table back that were a dso's, or one of its functions' own.
type GiveSlots = fn(&mut Space, &mut Process, Range<u64>, (&Dso, Option<DefinedFuncIndex>));

impl Linker {
    /// Takes back all that the load of the dsos from `mark` on has taken.
    pub(crate) fn discard(&mut self, process: &mut Process, mark: DsoId) {
        let removed = self.map.truncate(mark);
        let ids: Vec<DsoId> = removed.iter().map(|dso| dso.id).collect();
        self.map.leave_scopes(&ids);
        if !removed.iter().any(|dso| dso.is_main) {
            return self.release(process, removed, |space, process, slots, _| {
                space.give_slots(process, slots);
            });
        }
        // A start that failed may have been given places that do not exist. Nothing else is loaded:
        // the next one begins with all of them free.
        self.release(process, removed, |_, _, _, _| {});
        self.global = Scope::default();
        self.slots = FunctionSlots::default();
        self.space.give_slots(process, 0..process.table_len().into());
        self.space = Space::default();
    }

    /// Takes off dsos that nothing depends on. Pointers to their functions stay behind, and trap.
    pub(crate) fn unload(&mut self, process: &mut Process, ids: &[DsoId]) {
        self.map.orphan(ids);
        self.global.remove(ids, &self.map);
        let removed = self.map.remove(ids);
        self.statistics.dsos_unloaded += removed.len();
        for dso in &removed {
            tracing::debug!(target: "dynvm::files", "{} unloaded", dso.name);
        }
        self.release(process, removed, |space, process, slots, (dso, func)| {
            space.bury_slots(process, slots, Some(Owner::new(&dso.module, func)));
        });
    }

    fn release(&mut self, process: &mut Process, removed: Vec<Dso>, give_slots: GiveSlots) {
        for dso in &removed {
            let Some(instance) = dso.instance else { continue };
            let first = process.defined_func(instance, DefinedFuncIndex(0));
            let functions = first.0..first.0 + dso.module.bodies.len() as u32;
            for (func, slot) in self.slots.forget(functions, dso.table.clone()) {
                let slots = slot.into()..u64::from(slot) + 1;
                let func = DefinedFuncIndex(func.0 - first.0);
                give_slots(&mut self.space, process, slots, (dso, Some(func)));
            }
        }
        for dso in &removed {
            let table = dso.table.start.into()..dso.table.end.into();
            give_slots(&mut self.space, process, table, (dso, None));
        }
        // Beyond this point no element of the table that the loader gave names a function that goes.

        let ids: Vec<DsoId> = removed.iter().map(|dso| dso.id).collect();
        self.unbound.forget(process, &ids);
        for dso in removed {
            if let Some(instance) = dso.instance {
                compile::forget(self, instance);
                process.discard(instance);
            }
            for slot in &dso.global_slots {
                process.remove_global(*slot);
            }
            self.space.give_memory(dso.memory.clone());
            self.space.give_memory(dso.tls.clone());
            self.kept.keep(dso);
        }
    }
}
