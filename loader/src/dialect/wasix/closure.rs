//! Function pointers with an environment: WASIX's `closure_allocate`, `closure_prepare` and
//! `closure_free`.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use dynvm_vm::code::TrapCode;
use dynvm_vm::context::FuncId;
use dynvm_vm::types::{FuncType, ValType};
use dynvm_vm::value::{RawValue, Value};
use dynvm_vm::{HostFunction, Process, Stop, Trap};

use super::call::{TYPES, bytes_of, read_values, size_of};
use super::errno;
use crate::dialect::guest;
use crate::linker::{Linker, lock};

/// Most parameters, and most results, that a closure can have: as many as a wasm function.
const CLOSURE_VALUES_MAX: u32 = 1000;

/// Function pointers with an environment, by their slot.
#[derive(Debug, Default)]
pub(crate) struct Closures {
    /// `None` until it is prepared.
    pub(super) by_slot: HashMap<u32, Option<Closure>>,
    /// Functions of closures that were freed: the process keeps them, so they serve again.
    spare: HashMap<FuncType, Vec<Closure>>,
}

/// A function that hands on its arguments.
#[derive(Clone, Debug)]
pub(super) struct Closure {
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
pub(super) fn closure_allocate(
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
pub(super) fn closure_prepare(
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

/// `closure_free(slot)`: a call of it traps from now on. To free what is no closure does nothing.
pub(super) fn closure_free(
    linker: &Mutex<Linker>,
    process: &mut Process,
    args: &[RawValue],
) -> Result<u32, Stop> {
    let slot = args[0].u32();
    let mut linker = lock(linker);
    let closures = &mut linker.dialects.closures;
    let Some(prepared) = closures.by_slot.remove(&slot) else { return Ok(errno::SUCCESS) };
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
