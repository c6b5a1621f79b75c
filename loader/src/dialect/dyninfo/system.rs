//! What `dyninfo` modules import besides: module `sys`, by which code leaves and enters functions,
//! and module `thinthin`, the system that they run on.
//!
//! The original passed the names of `thinthin`'s functions through `sys.call`; newer modules import
//! them. A function takes as many integers as the importing module gives it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, Weak};

use dynvm_vm::code::TrapCode;
use dynvm_vm::module::Import;
use dynvm_vm::types::{FuncType, ValType};
use dynvm_vm::value::{RawValue, Value};
use dynvm_vm::{HostFunction, Process, Stop, Trap};

use super::start;
use crate::deps::Loads;
use crate::dialect::guest;
use crate::dialect::syscall::{self, Numbers, errno};
use crate::dlfcn::{self, Flags};
use crate::dso::DsoId;
use crate::error::LoadError;
use crate::linker::{Linker, lock};
use crate::open;

/// Most arguments that a function here looks at.
const ARGS_MAX: usize = 7;

/// Modules that the guest has by number.
#[derive(Debug, Default)]
pub(crate) struct Modules {
    by_number: HashMap<u32, Module>,
}

/// A module that the guest asked for.
#[derive(Debug)]
struct Module {
    name: String,
    /// `None` until it is instantiated.
    dso: Option<DsoId>,
    /// Names of what it needs, each with its end, as far as they were not read yet.
    needed: Vec<u8>,
}

type Function = fn(&Mutex<Linker>, &mut Process, &[u32]) -> Result<u32, Stop>;

/// The functions of `thinthin` that are no system calls.
const THINTHIN: [(&str, Function); 6] = [
    ("syscall", |linker, process, args| {
        let [number, rest @ ..] = padded(args);
        syscall::call(linker, process, Numbers::X86_64, number, rest)
    }),
    ("dlload", dlload),
    ("dlreaddep", dlreaddep),
    ("dlinstantiate", dlinstantiate),
    ("dlsym", dlsym),
    ("dlopen", dlopen),
];

fn padded(args: &[u32]) -> [u32; ARGS_MAX] {
    let mut padded = [0; ARGS_MAX];
    for (to, arg) in padded.iter_mut().zip(args) {
        *to = *arg;
    }
    padded
}

/// The function that `import` names, of the type that is asked for; `None` if there is none, or the
/// type has anything but integers.
pub(crate) fn function(
    linker: &Weak<Mutex<Linker>>,
    import: &Import,
    ty: &FuncType,
) -> Option<HostFunction> {
    let is_integer = |ty: &ValType| matches!(ty, ValType::I32 | ValType::I64);
    if !ty.params.iter().chain(&ty.results).all(is_integer) || ty.results.len() > 1 {
        return None;
    }
    let name = import.field.to_string();
    if import.module == "sys" {
        return sys_function(linker, &name, ty);
    }
    // A name that there is not is found out now, not when it is called.
    let is_known = THINTHIN.iter().any(|(known, _)| *known == name) || syscall::has_name(&name);
    if import.module != "thinthin" || !is_known {
        return None;
    }
    let shown = name.clone();
    Some(host_function(linker, name, ty, move |linker, process, args| {
        thinthin(linker, process, &shown, args)
    }))
}

fn host_function(
    linker: &Weak<Mutex<Linker>>,
    name: String,
    ty: &FuncType,
    call: impl Fn(&Mutex<Linker>, &mut Process, &[u32]) -> Result<u32, Stop> + Send + Sync + 'static,
) -> HostFunction {
    let linker = Weak::clone(linker);
    let (params, results) = (ty.params.len(), ty.results.len());
    let func = move |process: &mut Process, values: &mut [RawValue]| {
        let Some(linker) = linker.upgrade() else {
            return Err(Trap::new(TrapCode::Host, "the loader is gone").into());
        };
        let args: Vec<u32> = values[..params].iter().map(|value| value.u32()).collect();
        let result = call(&linker, process, &args)?;
        if results > 0 {
            values[0] = i64::from(result.cast_signed()).into();
        }
        Ok(())
    };
    HostFunction::new(name, ty.clone(), Arc::new(func))
}

/// A function of `thinthin` by name.
fn thinthin(
    linker: &Mutex<Linker>,
    process: &mut Process,
    name: &str,
    args: &[u32],
) -> Result<u32, Stop> {
    if let Some((_, function)) = THINTHIN.iter().find(|(known, _)| *known == name) {
        return function(linker, process, args);
    }
    let [a, b, c, d, e, f, _] = padded(args);
    let called = syscall::call_by_name(linker, process, name, [a, b, c, d, e, f]);
    called.unwrap_or_else(|| {
        let detail = format!("there is no system function `thinthin.{name}`");
        Err(Trap::new(TrapCode::UndefinedSymbol, detail).into())
    })
}

/// The functions of `sys`.
fn sys_function(linker: &Weak<Mutex<Linker>>, name: &str, ty: &FuncType) -> Option<HostFunction> {
    let made = |call: Function| Some(host_function(linker, name.to_owned(), ty, call));
    match name {
        "call" => made(call),
        "eh_return" => made(eh_return),
        "trace" => made(|_, _, args| {
            tracing::debug!(target: "dynvm::symbols", "sys.trace {args:x?}");
            Ok(0)
        }),
        "null" => made(|_, _, _| Ok(0)),
        "indcall" => Some(indcall(ty)),
        _ => None,
    }
}

/// `indcall(…, index)` calls the function at a table index with the same arguments.
fn indcall(ty: &FuncType) -> HostFunction {
    let expected = ty.clone();
    let func = move |process: &mut Process, values: &mut [RawValue]| {
        let index = values[expected.params.len().saturating_sub(1)].u32();
        let detail = || format!("`sys.indcall` of table index {index}");
        let Some((func, found)) = guest::function_at(process, index) else {
            return Err(Trap::new(TrapCode::UninitializedElement, detail()).into());
        };
        if *found != expected {
            return Err(Trap::new(TrapCode::IndirectCallTypeMismatch, detail()).into());
        }
        let args = expected.params.iter().zip(&*values);
        let args: Vec<Value> = args.map(|(ty, raw)| Value::from_raw(*ty, *raw)).collect();
        for (slot, result) in values.iter_mut().zip(process.call(func, &args)?) {
            *slot = result.raw();
        }
        Ok(())
    };
    HostFunction::new("indcall", ty.clone(), Arc::new(func))
}

fn word(process: &Process, address: u32) -> u32 {
    let bytes = guest::bytes(process, address, 4).and_then(|it| it.try_into().ok());
    bytes.map_or(0, u32::from_le_bytes)
}

fn put(process: &mut Process, address: u32, word: u32) -> Result<(), Stop> {
    let written = guest::write(process, address, &word.to_le_bytes());
    written.ok_or_else(|| TrapCode::MemoryOutOfBounds.into())
}

fn c_string(process: &Process, address: u32) -> Option<String> {
    guest::text(process, address, 4096).or_else(|| {
        // Near the end of memory.
        let len = (process.memory().len() as u64).checked_sub(address.into())?;
        guest::text(process, address, u32::try_from(len.min(4096)).ok()?)
    })
}

/// `call(label, function, stack, module, name, …)` calls a function by the names at these
/// addresses; its arguments are on the stack. The result stands at [`start::RESULT_ADDRESS`]; what
/// is returned is the frame.
fn call(linker: &Mutex<Linker>, process: &mut Process, args: &[u32]) -> Result<u32, Stop> {
    const ARGS_AT: u32 = 16;
    const COUNT_AT: u32 = 8;
    const FRAME_BYTES: u32 = 56;
    let [_, _, stack, module, name, ..] = padded(args);
    let (module, name) = (c_string(process, module), c_string(process, name));
    let name = match (module.as_deref(), name) {
        (Some("thinthin"), Some(name)) => name,
        (module, name) => {
            let [module, name] = [module.unwrap_or("?"), name.as_deref().unwrap_or("?")];
            let detail = format!("there is no system function `{module}.{name}`");
            return Err(Trap::new(TrapCode::UndefinedSymbol, detail).into());
        }
    };
    // Bit 30 says that there is no result; a count of -1 is that of a function of any number.
    let count = match word(process, stack.wrapping_add(COUNT_AT)) {
        u32::MAX => ARGS_MAX as u32,
        count => (count & !(1 << 30)).min(ARGS_MAX as u32),
    };
    let at = |index: u32| stack.wrapping_add(ARGS_AT + 4 * index);
    let args: Vec<u32> = (0..count).map(|index| word(process, at(index))).collect();
    let result = thinthin(linker, process, &name, &args)?;
    put(process, start::RESULT_ADDRESS, result)?;
    Ok(stack.wrapping_sub(FRAME_BYTES))
}

/// `eh_return(frame, stack, handler)`: the frame is to be continued at a handler, with the registers
/// that it saved.
fn eh_return(_: &Mutex<Linker>, process: &mut Process, args: &[u32]) -> Result<u32, Stop> {
    const REGISTERS_AT: u32 = 0x1000;
    let [frame, _, handler, ..] = padded(args);
    for register in 0..4 {
        let saved = word(process, frame.wrapping_add(48 + 8 * register));
        put(process, REGISTERS_AT + 4 * (register + 1), saved)?;
    }
    let outer = word(process, word(process, frame));
    put(process, outer.wrapping_add(16), handler)?;
    Ok(outer | 3)
}

fn failed(linker: &Mutex<Linker>, error: &LoadError) -> u32 {
    tracing::debug!(target: "dynvm::files", "thinthin: {error}");
    dlfcn::set_error(linker, error);
    errno::ENOMEM.wrapping_neg()
}

/// `dlload(path, size_out)`: a number for the module, and how much memory it needs: none if it is
/// loaded already.
fn dlload(linker: &Mutex<Linker>, process: &mut Process, args: &[u32]) -> Result<u32, Stop> {
    let [path, out, ..] = padded(args);
    let Some(name) = c_string(process, path) else { return Ok(errno::EFAULT.wrapping_neg()) };
    let (number, size) = {
        let mut guard = lock(linker);
        let (dso, room, needed) = match open::look_at(&guard, &name) {
            Ok(found) => found,
            Err(error) => {
                drop(guard);
                return Ok(failed(linker, &error));
            }
        };
        let needed = needed.iter().flat_map(|name| name.bytes().chain([0])).collect();
        let size = if dso.is_some() { 0 } else { room };
        let number = guard.dialects.modules.number_of(&guard.map, dso);
        let module = Module { name, dso, needed };
        guard.dialects.modules.by_number.insert(number, module);
        (number, size)
    };
    put(process, out, size)?;
    Ok(number)
}

impl Modules {
    /// The number of a dso that is loaded, or a new one. Numbers of what the program started with
    /// count from 1, the main program, on.
    fn number_of(&self, map: &crate::link_map::LinkMap, dso: Option<DsoId>) -> u32 {
        if let Some(id) = dso {
            let mut known = self.by_number.iter().filter(|(_, module)| module.dso == Some(id));
            return known.next().map_or(id.0 + 1, |(number, _)| *number);
        }
        let loaded = map.next_id().0 + 1;
        let known = self.by_number.keys().max().map_or(0, |number| number + 1);
        loaded.max(known)
    }

    /// The dso of a number.
    fn dso(&self, map: &crate::link_map::LinkMap, number: u32) -> Option<DsoId> {
        match self.by_number.get(&number) {
            Some(module) => module.dso,
            None => map.find(DsoId(number.checked_sub(1)?)).map(|dso| dso.id),
        }
    }
}

/// `dlreaddep(module, buffer, len)`: the next bytes of the names of what it needs.
fn dlreaddep(linker: &Mutex<Linker>, process: &mut Process, args: &[u32]) -> Result<u32, Stop> {
    let [number, buffer, len, ..] = padded(args);
    let read: Vec<u8> = {
        let mut linker = lock(linker);
        let Some(module) = linker.dialects.modules.by_number.get_mut(&number) else {
            return Ok(0);
        };
        let len = module.needed.len().min(len as usize);
        module.needed.drain(..len).collect()
    };
    let written = guest::write(process, buffer, &read);
    written.ok_or_else(|| Stop::from(TrapCode::MemoryOutOfBounds))?;
    Ok(read.len() as u32)
}

/// `dlinstantiate(module, memory)`: puts the module's data there, or where the loader likes if that
/// is null. What it needs the guest loads itself.
fn dlinstantiate(linker: &Mutex<Linker>, process: &mut Process, args: &[u32]) -> Result<u32, Stop> {
    let [number, memory, ..] = padded(args);
    let name = match lock(linker).dialects.modules.by_number.get(&number) {
        Some(Module { dso: Some(_), .. }) => return Ok(0),
        Some(module) => module.name.clone(),
        None => return Ok(errno::EINVAL.wrapping_neg()),
    };
    let base = (memory != 0).then_some(memory);
    let loads = Loads { needs_nothing: true, base };
    match open_module(linker, process, &name, loads)? {
        Ok(id) => {
            let mut linker = lock(linker);
            if let Some(module) = linker.dialects.modules.by_number.get_mut(&number) {
                module.dso = Some(id);
            }
            Ok(0)
        }
        Err(error) => Ok(failed(linker, &error)),
    }
}

/// `dlopen(path)`: 0, or the number of an error. What it needs is loaded too.
fn dlopen(linker: &Mutex<Linker>, process: &mut Process, args: &[u32]) -> Result<u32, Stop> {
    let [path, ..] = padded(args);
    let Some(name) = c_string(process, path) else { return Ok(errno::EFAULT.wrapping_neg()) };
    let opened = open_module(linker, process, &name, Loads::default())?;
    Ok(opened.map_or_else(|error| failed(linker, &error), |_| 0))
}

fn open_module(
    linker: &Mutex<Linker>,
    process: &mut Process,
    name: &str,
    loads: Loads,
) -> Result<Result<DsoId, LoadError>, Stop> {
    let flags = Flags(Flags::NOW.0 | Flags::GLOBAL.0);
    lock(linker).dialects.loads = loads;
    let opened = dlfcn::open_named(linker, process, name, flags);
    lock(linker).dialects.loads = Loads::default();
    match opened {
        Ok(opened) => dlfcn::finish(linker, process, opened, flags).map(Ok),
        Err(error) => Ok(Err(error)),
    }
}

/// `dlsym(module, name)`, or `dlsym(name)` over all modules: 0 if there is no such symbol.
fn dlsym(linker: &Mutex<Linker>, process: &mut Process, args: &[u32]) -> Result<u32, Stop> {
    let (number, name) = match args {
        [name] => (None, *name),
        [number, name, ..] => (Some(*number), *name),
        [] => return Ok(0),
    };
    let Some(name) = c_string(process, name) else { return Ok(0) };
    let linker = lock(linker);
    let found = match number {
        None => linker.dialects.links.find(&name),
        Some(number) => {
            let id = linker.dialects.modules.dso(&linker.map, number);
            id.and_then(|id| linker.dialects.links.find_in(id, &name))
        }
    };
    Ok(found.unwrap_or(0))
}
