//! WASIX's names: the functions of module `wasix_32v1` that load libraries, tell and use the types
//! of function pointers, and make function pointers with an environment.
//!
//! All of them give an error number of WASI. Where a text goes with it, it is cut to the caller's
//! buffer and ends with a NUL.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use dynvm_vm::code::TrapCode;
use dynvm_vm::context::FuncId;
use dynvm_vm::types::{FuncType, ValType};
use dynvm_vm::value::{RawValue, Value};
use dynvm_vm::{HostFunction, Process, Stop, Trap};

use super::guest;
use crate::dlfcn::{self, Flags};
use crate::error::LoadError;
use crate::linker::{Linker, lock};
use crate::open;

/// The module that these functions are imported from.
const MODULE: &str = "wasix_32v1";
/// Most parameters, and most results, that a closure can have: as many as a wasm function.
const CLOSURE_VALUES_MAX: u32 = 1000;

/// Error numbers of WASI, as far as these functions give them.
mod errno {
    pub(super) const SUCCESS: u32 = 0;
    pub(super) const INVALID: u32 = 28;
    pub(super) const NOT_EXECUTABLE: u32 = 45;
    pub(super) const OUT_OF_MEMORY: u32 = 48;
    pub(super) const OVERFLOW: u32 = 61;
    pub(super) const MEMORY_VIOLATION: u32 = 78;
}

pub(super) fn functions(
    linker: &Weak<Mutex<Linker>>,
) -> Vec<(&'static str, &'static str, HostFunction)> {
    let function = |name, params, call| (MODULE, name, guest::function(linker, name, params, call));
    vec![
        function("dlopen", 8, dlopen),
        function("dlsym", 6, dlsym),
        function("dl_invalid_handle", 1, dl_invalid_handle),
        function("call_dynamic", 6, call_dynamic),
        function("reflect_signature", 6, reflect_signature),
        function("closure_allocate", 1, closure_allocate),
        function("closure_prepare", 7, closure_prepare),
        function("closure_free", 1, closure_free),
    ]
}

/// `dlopen(path, path_len, flags, error, error_len, search, search_len, handle_out)`, where
/// `search` is a list of directories of the guest's, separated by colons.
fn dlopen(linker: &Mutex<Linker>, process: &mut Process, args: &[RawValue]) -> Result<u32, Stop> {
    let [path, path_len, flags, error, error_len, search, search_len, out] =
        [0, 1, 2, 3, 4, 5, 6, 7].map(|index: usize| args[index].u32());
    if guest::bytes(process, out, 4).is_none() {
        return Ok(errno::MEMORY_VIOLATION);
    }
    let flags = Flags(flags);
    let id = if path == 0 {
        // No name is the main program.
        lock(linker).map.main().map(|main| main.id)
    } else {
        let Some(name) = guest::text(process, path, path_len) else {
            return Ok(errno::MEMORY_VIOLATION);
        };
        let search = guest::text(process, search, search_len).unwrap_or_default();
        match open_in(linker, process, &name, &search, flags) {
            Ok(opened) => Some(dlfcn::finish(linker, process, opened, flags)?),
            Err(failure) => return Ok(failed(process, &failure, error, error_len)),
        }
    };
    let Some(id) = id else { return Ok(errno::NOT_EXECUTABLE) };
    let written = guest::write(process, out, &dlfcn::handle(id).to_le_bytes());
    Ok(written.map_or(errno::MEMORY_VIOLATION, |()| errno::SUCCESS))
}

/// A name without a slash is looked for in the directories of `search` first.
fn open_in(
    linker: &Mutex<Linker>,
    process: &mut Process,
    name: &str,
    search: &str,
    flags: Flags,
) -> Result<open::Opened, LoadError> {
    let dirs = search.split(':').filter(|dir| !dir.is_empty() && !name.contains('/'));
    for dir in dirs {
        let path = format!("{}/{name}", dir.trim_end_matches('/'));
        // A relative directory is a path too.
        let path = if path.contains('/') { path } else { format!("./{path}") };
        match dlfcn::open_named(linker, process, &path, flags) {
            Err(LoadError::NotFound { .. }) => {}
            found => return found,
        }
    }
    dlfcn::open_named(linker, process, name, flags)
}

/// Writes the text of an error to the caller's buffer and gives the error's number.
fn failed(process: &mut Process, error: &LoadError, buffer: u32, len: u32) -> u32 {
    tracing::debug!(target: "dynvm::files", "{MODULE}: {error}");
    let Some(room) = (len as usize).checked_sub(1) else { return errno::NOT_EXECUTABLE };
    let mut text = error.to_string();
    let mut end = text.len().min(room);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.truncate(end);
    text.push('\0');
    let written = guest::write(process, buffer, text.as_bytes());
    written.map_or(errno::MEMORY_VIOLATION, |()| errno::NOT_EXECUTABLE)
}

/// `dlsym(handle, name, name_len, error, error_len, address_out)`; handle 0 is the global scope.
fn dlsym(linker: &Mutex<Linker>, process: &mut Process, args: &[RawValue]) -> Result<u32, Stop> {
    let [handle, name, name_len, error, error_len, out] =
        [0, 1, 2, 3, 4, 5].map(|index: usize| args[index].u32());
    let Some(name) = guest::text(process, name, name_len) else {
        return Ok(errno::MEMORY_VIOLATION);
    };
    let found = dlfcn::symbol(&mut lock(linker), process, handle, &name);
    match found {
        Ok(address) => {
            let written = guest::write(process, out, &address.to_le_bytes());
            Ok(written.map_or(errno::MEMORY_VIOLATION, |()| errno::SUCCESS))
        }
        Err(failure) => Ok(failed(process, &failure, error, error_len)),
    }
}

/// `dl_invalid_handle(handle)`: success if the handle is a valid one.
fn dl_invalid_handle(
    linker: &Mutex<Linker>,
    _: &mut Process,
    args: &[RawValue],
) -> Result<u32, Stop> {
    let found = dlfcn::dso_of_handle(&lock(linker), args[0].u32());
    Ok(found.map_or(errno::NOT_EXECUTABLE, |_| errno::SUCCESS))
}

/// Bytes of a value in a buffer of values, where they stand one behind the other.
fn size_of(ty: ValType) -> Option<usize> {
    Some(match ty {
        ValType::I32 | ValType::F32 => 4,
        ValType::I64 | ValType::F64 => 8,
        ValType::V128 => 16,
        ValType::Ref(_) => return None,
    })
}

/// The number by which WASIX names a type.
fn number_of(ty: ValType) -> Option<u8> {
    TYPES.iter().position(|other| *other == ty).map(|position| position as u8)
}

/// The types that have numbers, by number.
const TYPES: [ValType; 5] = [ValType::I32, ValType::I64, ValType::F32, ValType::F64, ValType::V128];

/// The values of `types` in `buffer`. What does not fit is zero, unless `is_strict`: then the
/// buffer must have exactly their length.
fn read_values(types: &[ValType], mut buffer: &[u8], is_strict: bool) -> Option<Vec<Value>> {
    let mut values = Vec::with_capacity(types.len());
    for ty in types {
        let mut bytes = [0; 16];
        match buffer.split_at_checked(size_of(*ty)?) {
            Some((taken, rest)) => {
                bytes[..taken.len()].copy_from_slice(taken);
                buffer = rest;
            }
            None if is_strict => return None,
            None => {}
        }
        values.push(Value::from_raw(*ty, u128::from_le_bytes(bytes).into()));
    }
    (!is_strict || buffer.is_empty()).then_some(values)
}

/// `values` one behind the other.
fn bytes_of(values: &[Value]) -> Vec<u8> {
    let bytes = values.iter().flat_map(|value| {
        let bytes = value.raw().u128().to_le_bytes();
        bytes.into_iter().take(size_of(value.ty()).unwrap_or(0))
    });
    bytes.collect()
}

/// `call_dynamic(function, values, values_len, results, results_len, strict)`
fn call_dynamic(_: &Mutex<Linker>, process: &mut Process, args: &[RawValue]) -> Result<u32, Stop> {
    let [function, values, values_len, results, results_len, strict] =
        [0, 1, 2, 3, 4, 5].map(|index: usize| args[index].u32());
    let is_strict = strict != 0;
    let Some((func, ty)) = guest::function_at(process, function) else {
        return Ok(errno::INVALID);
    };
    let Some(buffer) = guest::bytes(process, values, values_len) else {
        return Ok(errno::MEMORY_VIOLATION);
    };
    let Some(values) = read_values(&ty.params, buffer, is_strict) else {
        return Ok(errno::INVALID);
    };
    if ty.results.iter().any(|ty| size_of(*ty).is_none()) {
        return Ok(errno::INVALID);
    }
    let given = bytes_of(&process.call(func, &values)?);
    let fits = given.len() == results_len as usize;
    if is_strict && !fits {
        return Ok(errno::INVALID);
    }
    let given = &given[..given.len().min(results_len as usize)];
    let written = guest::write(process, results, given);
    Ok(written.map_or(errno::MEMORY_VIOLATION, |()| errno::SUCCESS))
}

/// `reflect_signature(function, params, params_len, results, results_len, info_out)`, where
/// `info_out` gets a byte that says whether the type stays the same, and the counts of parameters
/// and results as 16 bits each, from the third byte on.
fn reflect_signature(
    linker: &Mutex<Linker>,
    process: &mut Process,
    args: &[RawValue],
) -> Result<u32, Stop> {
    let [function, params, params_len, results, results_len, out] =
        [0, 1, 2, 3, 4, 5].map(|index: usize| args[index].u32());
    let found = guest::function_at(process, function).map(|(_, ty)| ty);
    let is_lasting = !lock(linker).dialects.closures.by_slot.contains_key(&function);
    let info = |ty: &FuncType| {
        let count = |types: &[ValType]| (types.len() as u16).to_le_bytes();
        let [params, results] = [count(&ty.params), count(&ty.results)];
        let is_lasting = u8::from(is_lasting && found.is_some());
        [is_lasting, 0, params[0], params[1], results[0], results[1]]
    };
    let ty = found.as_deref().cloned().unwrap_or_default();
    if guest::write(process, out, &info(&ty)).is_none() {
        return Ok(errno::MEMORY_VIOLATION);
    }
    if found.is_none() {
        return Ok(errno::INVALID);
    }
    // The lengths are 16 bits wide.
    let fits = |types: &[ValType], len: u32| types.len() <= usize::from(len as u16);
    if !fits(&ty.params, params_len) || !fits(&ty.results, results_len) {
        return Ok(errno::OVERFLOW);
    }
    for (types, address) in [(&ty.params, params), (&ty.results, results)] {
        let Some(numbers) = types.iter().map(|ty| number_of(*ty)).collect::<Option<Vec<_>>>()
        else {
            return Ok(errno::INVALID);
        };
        if guest::write(process, address, &numbers).is_none() {
            return Ok(errno::MEMORY_VIOLATION);
        }
    }
    Ok(errno::SUCCESS)
}

/// Function pointers with an environment, by their slot.
#[derive(Debug, Default)]
pub(crate) struct Closures {
    /// `None` until it is prepared.
    by_slot: HashMap<u32, Option<Closure>>,
    /// Functions of closures that were freed: the process keeps them, so they serve again.
    spare: HashMap<FuncType, Vec<Closure>>,
}

/// A function that hands on its arguments.
#[derive(Clone, Debug)]
struct Closure {
    func: FuncId,
    ty: FuncType,
    target: Arc<Mutex<Target>>,
}

/// What a closure calls.
#[derive(Clone, Copy, Debug, Default)]
struct Target {
    /// Table index of a function of the values' address, the results' address, and this:
    backing: u32,
    environment: u32,
}

/// `closure_allocate(slot_out)`
fn closure_allocate(
    linker: &Mutex<Linker>,
    process: &mut Process,
    args: &[RawValue],
) -> Result<u32, Stop> {
    let out = args[0].u32();
    if guest::bytes(process, out, 4).is_none() {
        return Ok(errno::MEMORY_VIOLATION);
    }
    let slot = {
        let mut linker = lock(linker);
        let Ok(range) = linker.space.take_slots(process, 1, 1, "closure_allocate") else {
            return Ok(errno::OUT_OF_MEMORY);
        };
        let slot = range.start as u32;
        linker.dialects.closures.by_slot.insert(slot, None);
        slot
    };
    let written = guest::write(process, out, &slot.to_le_bytes());
    Ok(written.map_or(errno::MEMORY_VIOLATION, |()| errno::SUCCESS))
}

/// `closure_prepare(backing, slot, params, params_len, results, results_len, environment)`
fn closure_prepare(
    linker: &Mutex<Linker>,
    process: &mut Process,
    args: &[RawValue],
) -> Result<u32, Stop> {
    let [backing, slot, params, params_len, results, results_len, environment] =
        [0, 1, 2, 3, 4, 5, 6].map(|index: usize| args[index].u32());
    let types = |address, len: u32| {
        if len > CLOSURE_VALUES_MAX {
            return Err(errno::INVALID);
        }
        let bytes = guest::bytes(process, address, len).ok_or(errno::MEMORY_VIOLATION)?;
        let types = bytes.iter().map(|number| TYPES.get(usize::from(*number)).copied());
        types.collect::<Option<Vec<ValType>>>().ok_or(errno::INVALID)
    };
    let (params, results) = match (types(params, params_len), types(results, results_len)) {
        (Ok(params), Ok(results)) => (params, results),
        (Err(error), _) | (_, Err(error)) => return Ok(error),
    };
    let mut linker = lock(linker);
    let closures = &mut linker.dialects.closures;
    let Some(prepared) = closures.by_slot.get_mut(&slot) else { return Ok(errno::INVALID) };
    if let Some(old) = prepared.take() {
        closures.spare.entry(old.ty.clone()).or_default().push(old);
    }
    let ty = FuncType::new(params, results);
    let spare = closures.spare.get_mut(&ty).and_then(Vec::pop);
    let Some(closure) = spare.map_or_else(|| new_closure(process, ty), Some) else {
        return Ok(errno::OUT_OF_MEMORY);
    };
    *closure.target.lock().unwrap_or_else(PoisonError::into_inner) =
        Target { backing, environment };
    if process.table_set(slot, closure.func).is_err() {
        return Ok(errno::INVALID);
    }
    closures.by_slot.insert(slot, Some(closure));
    Ok(errno::SUCCESS)
}

/// `closure_free(slot)`: a call of it traps from now on.
fn closure_free(
    linker: &Mutex<Linker>,
    process: &mut Process,
    args: &[RawValue],
) -> Result<u32, Stop> {
    let slot = args[0].u32();
    let mut linker = lock(linker);
    let closures = &mut linker.dialects.closures;
    let Some(prepared) = closures.by_slot.remove(&slot) else { return Ok(errno::INVALID) };
    if let Some(closure) = prepared {
        closures.spare.entry(closure.ty.clone()).or_default().push(closure);
    }
    linker.space.bury_slots(process, slot.into()..u64::from(slot) + 1, None);
    Ok(errno::SUCCESS)
}

fn new_closure(process: &mut Process, ty: FuncType) -> Option<Closure> {
    let target = Arc::new(Mutex::new(Target::default()));
    let (called, called_ty) = (Arc::clone(&target), ty.clone());
    let function = HostFunction::new(
        "closure",
        ty.clone(),
        Arc::new(move |process, values| {
            let target = *called.lock().unwrap_or_else(PoisonError::into_inner);
            call_backing(process, target, &called_ty, values)
        }),
    );
    let func = process.add_host_function(function).ok()?;
    process.link().ok()?;
    Some(Closure { func, ty, target })
}

/// Puts the arguments on the guest's stack and calls what stands behind the closure.
fn call_backing(
    process: &mut Process,
    target: Target,
    ty: &FuncType,
    values: &mut [RawValue],
) -> Result<(), Stop> {
    let failed = |detail: &str| Stop::from(Trap::new(TrapCode::Host, format!("closure: {detail}")));
    let Some((func, backing_ty)) = guest::function_at(process, target.backing) else {
        let detail = format!("table index {} stands behind a closure", target.backing);
        return Err(Trap::new(TrapCode::UninitializedElement, detail).into());
    };
    if *backing_ty != FuncType::new([ValType::I32; 3], []) {
        let detail = format!("`{}` stands behind a closure", process.func_name(func));
        return Err(Trap::new(TrapCode::IndirectCallTypeMismatch, detail).into());
    }
    let room = |types: &[ValType]| -> u64 {
        let size: usize = types.iter().filter_map(|ty| size_of(*ty)).sum();
        (size as u64).next_multiple_of(16)
    };
    let stack_pointer = process.stack_pointer();
    let results_at = stack_pointer.checked_sub(room(&ty.results));
    let values_at = results_at.and_then(|at| at.checked_sub(room(&ty.params)));
    let (Some(results_at), Some(values_at)) = (results_at, values_at) else {
        return Err(failed("the guest's stack is too small for its arguments"));
    };
    let typed = ty.params.iter().zip(&*values).map(|(ty, raw)| Value::from_raw(*ty, *raw));
    let bytes = bytes_of(&typed.collect::<Vec<_>>());
    let outside = || failed("the guest's stack is outside of its memory");
    guest::write(process, values_at as u32, &bytes).ok_or_else(outside)?;
    process.set_stack_pointer(values_at);
    let words = [values_at as u32, results_at as u32, target.environment];
    let called = process.call(func, &words.map(|word| Value::I32(word.cast_signed())));
    process.set_stack_pointer(stack_pointer);
    called?;
    let len = room(&ty.results) as u32;
    let buffer = guest::bytes(process, results_at as u32, len).ok_or_else(outside)?;
    let results = read_values(&ty.results, buffer, false).unwrap_or_default();
    for (slot, result) in values.iter_mut().zip(results) {
        *slot = result.raw();
    }
    Ok(())
}
