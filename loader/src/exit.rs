//! Destructors: what the guest registers with `__cxa_atexit` and `atexit`, by dso.
//!
//! The loader keeps the list, not libc, whose `__cxa_finalize` often does nothing: so it can run
//! the part of one dso at `dlclose`. At exit libc runs a handler that the loader registers with it
//! for the whole list, in glibc's order: handlers that were registered since the program started,
//! last in, first out; then each dso's destructors and what is left of its handlers, dependents
//! first.

use std::sync::{Arc, Mutex, Weak};

use dynvm_vm::code::TrapCode;
use dynvm_vm::context::FuncId;
use dynvm_vm::types::{FuncType, ValType};
use dynvm_vm::value::{RawValue, Value};
use dynvm_vm::{HostFunction, Process, Stop, Trap};

use crate::dlfcn::{self, MODULE};
use crate::dso::{DsoId, DsoState};
use crate::linker::{Linker, lock};
use crate::order;
use crate::symbol::SymbolKind;

/// Name of the handler that libc calls at exit.
pub(crate) const HANDLER: &str = "exit handlers";

/// What is registered and has not run.
#[derive(Debug, Default)]
pub(crate) struct Destructors {
    list: Vec<Destructor>,
    /// How many have been registered.
    registered: u64,
    /// Whether libc will call the handler.
    is_armed: bool,
    /// Whether the constructors of start-up have run.
    pub(crate) is_started: bool,
    /// Dsos whose constructors run now, the innermost last.
    pub(crate) constructing: Vec<DsoId>,
}

impl Destructors {
    /// Nothing of these dsos runs any longer.
    pub(crate) fn forget(&mut self, dsos: &[DsoId]) {
        self.list.retain(|destructor| !dsos.contains(&destructor.dso));
    }
}

#[derive(Clone, Copy, Debug)]
struct Destructor {
    /// Its table index.
    function: u32,
    /// What it is called with, if it takes anything.
    argument: u32,
    /// Whose it is.
    dso: DsoId,
    kind: Kind,
    /// How many were registered before it.
    serial: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// `__attribute__((destructor))`, which ELF has in `.fini_array`: a compiler for wasm
    /// registers it when the dso is constructed.
    Destructor,
    /// A handler from before the program started: its turn comes with its dso's.
    Early,
    /// Any other handler.
    Late,
}

type Call = fn(&Mutex<Linker>, &mut Process, &[u32]) -> Result<u32, Stop>;

/// Whether the function called `name` registers destructors.
pub(crate) fn registers(name: &str) -> bool {
    matches!(name, "__cxa_atexit" | "atexit")
}

/// Whether a program that is linked for good can do without the loader's function of this name,
/// which a C library defines too.
pub(crate) fn is_libcs(name: &str) -> bool {
    matches!(name, "__cxa_atexit" | "atexit" | "__cxa_finalize")
}

/// The functions that the guest calls: name, function.
pub(crate) fn functions(linker: &Weak<Mutex<Linker>>) -> Vec<(&'static str, HostFunction)> {
    let function = |name: &'static str, params: usize, results: usize, call: Call| {
        let linker = Weak::clone(linker);
        let func = move |process: &mut Process, values: &mut [RawValue]| {
            let Some(linker) = linker.upgrade() else {
                return Err(Trap::new(TrapCode::Host, "the loader is gone").into());
            };
            let args: Vec<u32> = values.iter().take(params).map(|value| value.u32()).collect();
            values[0] = call(&linker, process, &args)?.into();
            Ok(())
        };
        let ty = FuncType::new(vec![ValType::I32; params], vec![ValType::I32; results]);
        (name, HostFunction::new(name, ty, Arc::new(func)))
    };
    vec![
        function("__cxa_atexit", 3, 1, cxa_atexit),
        function("atexit", 1, 1, atexit),
        function("__cxa_finalize", 1, 0, cxa_finalize),
        function(HANDLER, 1, 0, at_exit),
    ]
}

fn cxa_atexit(shared: &Mutex<Linker>, process: &mut Process, args: &[u32]) -> Result<u32, Stop> {
    let (dso, kind) = {
        let linker = lock(shared);
        let dso = dso_of_handle(&linker, args[2]);
        let is_plain = args[1] == 0 && !is_of_object(process, args[0]);
        let is_main = linker.map.find(dso).is_some_and(|dso| dso.is_main);
        let is_constructing = is_main || linker.destructors.constructing.last() == Some(&dso);
        let kind = if is_plain && is_constructing { Kind::Destructor } else { handler(&linker) };
        (dso, kind)
    };
    register(shared, process, (args[0], args[1]), (dso, kind))
}

fn handler(linker: &Linker) -> Kind {
    if linker.destructors.is_started { Kind::Late } else { Kind::Early }
}

/// Whether clang made this function to destruct an object: it is registered without an argument
/// as a destructor is, and only its name tells them apart.
fn is_of_object(process: &Process, function: u32) -> bool {
    let func = process.table_get(function).filter(|func| func.0 != 0);
    func.is_some_and(|func| process.func_name(func).contains("__cxx_global_array_dtor"))
}

/// It does not say whose it is: the caller's, who is known.
fn atexit(shared: &Mutex<Linker>, process: &mut Process, args: &[u32]) -> Result<u32, Stop> {
    let (dso, kind) = {
        let linker = lock(shared);
        (dlfcn::caller(&linker, process), handler(&linker))
    };
    register(shared, process, (args[0], 0), (dso, kind))
}

fn cxa_finalize(shared: &Mutex<Linker>, process: &mut Process, args: &[u32]) -> Result<u32, Stop> {
    if args[0] == 0 {
        return run_all(shared, process).map(|()| 0);
    }
    let dso = dso_of_handle(&lock(shared), args[0]);
    run_of(shared, process, dso).map(|()| 0)
}

fn at_exit(shared: &Mutex<Linker>, process: &mut Process, _: &[u32]) -> Result<u32, Stop> {
    run_all(shared, process)?;
    lock(shared).destructors.is_armed = false;
    Ok(0)
}

/// The dso whose `__dso_handle` this is: the start of its data. The main program's if nobody's.
fn dso_of_handle(linker: &Linker, handle: u32) -> DsoId {
    let handle = u64::from(handle);
    let dsos = || linker.map.with_closing().filter(|dso| dso.is_relocatable());
    let exact = dsos().find(|dso| dso.memory.start == handle);
    let found = exact.or_else(|| dsos().find(|dso| dso.memory.contains(&handle)));
    found.or_else(|| linker.map.main()).map_or(DsoId(0), |dso| dso.id)
}

/// Notes a function, by its table index, and its argument.
fn register(
    shared: &Mutex<Linker>,
    process: &mut Process,
    (function, argument): (u32, u32),
    (dso, kind): (DsoId, Kind),
) -> Result<u32, Stop> {
    let handler = {
        let mut linker = lock(shared);
        let serial = linker.destructors.registered;
        linker.destructors.registered += 1;
        linker.destructors.list.push(Destructor { function, argument, dso, kind, serial });
        if linker.destructors.is_armed { None } else { libc_registration(&mut linker, process)? }
    };
    if let Some((atexit, slot)) = handler {
        lock(shared).destructors.is_armed = true;
        let slot = Value::I32(slot.cast_signed());
        process.call(atexit, &[slot, Value::I32(0), Value::I32(0)])?;
    }
    Ok(0)
}

/// The `__cxa_atexit` of the guest's libc, and the table index of the loader's handler. Without a
/// libc the handler runs when the main program returns.
fn libc_registration(
    linker: &mut Linker,
    process: &mut Process,
) -> Result<Option<(FuncId, u32)>, Stop> {
    let failed = |error: String| Stop::from(Trap::new(TrapCode::Host, error));
    let Some(id) = linker.global.find("__cxa_atexit") else { return Ok(None) };
    let libc = linker.map.dso(id);
    let symbol = libc.symbols.get("__cxa_atexit").map(|symbol| symbol.kind);
    let Some(SymbolKind::Function(func)) = symbol else { return Ok(None) };
    let registers = FuncType::new([ValType::I32; 3], [ValType::I32]);
    let defined = libc.module.defined_func(func);
    let Some(defined) = defined.filter(|_| *libc.module.func_type(func) == registers) else {
        return Ok(None);
    };
    let atexit = process.defined_func(libc.instance(), defined);
    let handler = linker.hosts.func(process, MODULE, HANDLER);
    let handler = handler.map_err(|error| failed(error.to_string()))?;
    let handler = handler.expect("the loader defines it");
    let slot = match linker.slots.get(handler) {
        Some(slot) => slot,
        None => {
            let taken = linker.space.take_slots(process, 1, 1, HANDLER);
            let slot = taken.map_err(|error| failed(error.to_string()))?.start as u32;
            linker.slots.add_fresh(handler, slot);
            let filled = linker.slots.fill(process, handler);
            filled.map_err(|error| failed(error.to_string()))?;
            slot
        }
    };
    Ok(Some((atexit, slot)))
}

/// Runs what is registered for `dso`: its destructors, then its handlers, each last in, first out.
/// If they have it constructed again, its destructors do not run again.
pub(crate) fn run_of(
    shared: &Mutex<Linker>,
    process: &mut Process,
    dso: DsoId,
) -> Result<(), Stop> {
    let end = lock(shared).destructors.registered;
    let is_due = |it: &Destructor| it.kind == Kind::Destructor && it.serial < end;
    run_last(shared, process, |it| it.dso == dso && is_due(it))?;
    run_last(shared, process, |it| it.dso == dso && (it.kind != Kind::Destructor || is_due(it)))
}

/// Runs all that is registered, as at exit.
fn run_all(shared: &Mutex<Linker>, process: &mut Process) -> Result<(), Stop> {
    run_last(shared, process, |it| it.kind == Kind::Late)?;
    let order = {
        let mut linker = lock(shared);
        let all: Vec<DsoId> = linker.map.with_closing().map(|dso| dso.id).collect();
        for id in &all {
            // From here on `dlclose` unloads none of them before its turn.
            linker.map.dso_mut(*id).opened += 1;
        }
        order::for_destructors(&all, &linker.map, true)
    };
    for id in order {
        destructed(&mut lock(shared), id);
        run_of(shared, process, id)?;
        if let Some(dso) = lock(shared).map.find_mut(id) {
            dso.opened = dso.opened.saturating_sub(1);
        }
    }
    // What was opened meanwhile is not destructed: only its handlers run.
    run_last(shared, process, |it| it.kind != Kind::Destructor)
}

/// Whoever opens this dso from now on constructs it again.
fn destructed(linker: &mut Linker, id: DsoId) {
    if let Some(dso) = linker.map.find_mut(id).filter(|dso| dso.state == DsoState::Constructed) {
        dso.state = DsoState::Relocated;
    }
}

/// Runs those that `is_due`, last in, first out, those that are added meanwhile included.
fn run_last(
    shared: &Mutex<Linker>,
    process: &mut Process,
    is_due: impl Fn(&Destructor) -> bool,
) -> Result<(), Stop> {
    loop {
        let next = {
            let list = &mut lock(shared).destructors.list;
            list.iter().rposition(&is_due).map(|position| list.remove(position))
        };
        match next {
            Some(destructor) => call(process, destructor)?,
            None => return Ok(()),
        }
    }
}

/// Runs what libc does not: all of it if there is no libc.
pub(crate) fn run_without_libc(shared: &Mutex<Linker>, process: &mut Process) -> Result<(), Stop> {
    if lock(shared).destructors.is_armed {
        return Ok(());
    }
    run_all(shared, process)
}

fn call(process: &mut Process, destructor: Destructor) -> Result<(), Stop> {
    let Destructor { function, argument, .. } = destructor;
    let func = process.table_get(function).filter(|func| func.0 != 0);
    let ty = func.and_then(|func| process.func_type_id(func));
    let ty = ty.and_then(|ty| process.func_type(ty)).map(|ty| ty.params.to_vec());
    match (func, ty.as_deref()) {
        (Some(func), Some([])) => process.call(func, &[]).map(drop),
        (Some(func), Some([ValType::I32])) => {
            process.call(func, &[Value::I32(argument.cast_signed())]).map(drop)
        }
        (Some(func), _) => {
            let detail = format!("`{}` is registered as a destructor", process.func_name(func));
            Err(Trap::new(TrapCode::IndirectCallTypeMismatch, detail).into())
        }
        (None, _) => {
            let detail = format!("table index {function} is registered as a destructor");
            Err(Trap::new(TrapCode::UninitializedElement, detail).into())
        }
    }
}
