//! Calls of functions whose types are not known when the caller is compiled: WASIX's
//! `call_dynamic`, `call_dynamic2` and `reflect_signature`, and values in memory.

use std::sync::Mutex;

use dynvm_vm::types::{FuncType, ValType};
use dynvm_vm::value::{RawValue, Value};
use dynvm_vm::{Process, Stop};

use super::errno;
use crate::dialect::guest;
use crate::linker::{Linker, lock};

/// Bytes of a value in a buffer of values, where they stand one behind the other.
pub(super) fn size_of(ty: ValType) -> Option<usize> {
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
pub(super) const TYPES: [ValType; 5] =
    [ValType::I32, ValType::I64, ValType::F32, ValType::F64, ValType::V128];

/// The values of `types` in `buffer`. What does not fit is zero, unless `is_strict`: then the
/// buffer must have exactly their length.
pub(super) fn read_values(
    types: &[ValType],
    mut buffer: &[u8],
    is_strict: bool,
) -> Option<Vec<Value>> {
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
pub(super) fn bytes_of(values: &[Value]) -> Vec<u8> {
    let bytes = values.iter().flat_map(|value| {
        let bytes = value.raw().u128().to_le_bytes();
        bytes.into_iter().take(size_of(value.ty()).unwrap_or(0))
    });
    bytes.collect()
}

/// `call_dynamic(function, values, values_len, results, results_len, strict)`
pub(super) fn call_dynamic(
    _: &Mutex<Linker>,
    process: &mut Process,
    args: &[RawValue],
) -> Result<u32, Stop> {
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
    let given = process.call(func, &values)?;
    let len: usize = ty.results.iter().filter_map(|ty| size_of(*ty)).sum();
    if is_strict && len != results_len as usize {
        return Ok(errno::INVALID);
    }
    // A result that does not fit is left out as a whole.
    let mut bytes = Vec::with_capacity(len);
    for value in given {
        let value = bytes_of(&[value]);
        if bytes.len() + value.len() <= results_len as usize {
            bytes.extend(value);
        }
    }
    let written = guest::write(process, results, &bytes);
    Ok(written.map_or(errno::MEMORY_VIOLATION, |()| errno::SUCCESS))
}

/// Bytes of a value together with its type: 16 of the value, the type's number, and a gap.
const TYPED_VALUE_BYTES: usize = 24;

/// `call_dynamic2(function, values, values_len, results, results_len_in_out, strict)`: the values
/// say their types, and the lengths count values.
pub(super) fn call_dynamic2(
    _: &Mutex<Linker>,
    process: &mut Process,
    args: &[RawValue],
) -> Result<u32, Stop> {
    let [function, values, values_len, results, results_len_at, strict] =
        [0, 1, 2, 3, 4, 5].map(|index: usize| args[index].u32());
    let is_strict = strict != 0;
    let Some((func, ty)) = guest::function_at(process, function) else {
        return Ok(errno::INVALID);
    };
    let values_bytes = values_len.checked_mul(TYPED_VALUE_BYTES as u32);
    let Some(buffer) = values_bytes.and_then(|len| guest::bytes(process, values, len)) else {
        return Ok(errno::MEMORY_VIOLATION);
    };
    let Some(values) = typed_values(&ty.params, buffer, is_strict) else {
        return Ok(errno::INVALID);
    };
    if ty.results.iter().any(|ty| size_of(*ty).is_none()) {
        return Ok(errno::INVALID);
    }
    let Some(results_len) = word(process, results_len_at) else {
        return Ok(errno::MEMORY_VIOLATION);
    };
    let results_bytes = u64::from(results_len) * TYPED_VALUE_BYTES as u64;
    let results_bytes = u32::try_from(results_bytes).ok();
    if results_bytes.and_then(|len| guest::bytes(process, results, len)).is_none() {
        return Ok(errno::MEMORY_VIOLATION);
    }
    let given = process.call(func, &values)?;
    if is_strict && given.len() != results_len as usize {
        return Ok(errno::INVALID);
    }
    // Room for more results than there are gets zeros.
    let mut bytes = Vec::with_capacity(results_len as usize * TYPED_VALUE_BYTES);
    for value in given.iter().take(results_len as usize) {
        bytes.extend(value.raw().u128().to_le_bytes());
        bytes.push(number_of(value.ty()).unwrap_or_default());
        bytes.resize(bytes.len().next_multiple_of(TYPED_VALUE_BYTES), 0);
    }
    bytes.resize(results_len as usize * TYPED_VALUE_BYTES, 0);
    let told = guest::write(process, results, &bytes);
    let told = told
        .and_then(|()| guest::write(process, results_len_at, &(given.len() as u32).to_le_bytes()));
    Ok(told.map_or(errno::MEMORY_VIOLATION, |()| errno::SUCCESS))
}

/// The number at an address.
fn word(process: &Process, address: u32) -> Option<u32> {
    let bytes = guest::bytes(process, address, 4)?;
    Some(u32::from_le_bytes(bytes.try_into().ok()?))
}

/// Values of `types`, from a buffer in which each stands with its type. If `is_strict` it must hold
/// as many, of the same types; otherwise what is missing, or is of another type, is zero.
fn typed_values(types: &[ValType], buffer: &[u8], is_strict: bool) -> Option<Vec<Value>> {
    let given = buffer.chunks_exact(TYPED_VALUE_BYTES).map(|value| {
        let ty = TYPES.get(usize::from(value[16])).copied()?;
        let bits = u128::from_le_bytes(value[..16].try_into().ok()?);
        Some((ty, bits))
    });
    let given = given.collect::<Option<Vec<_>>>()?;
    let is_same = given.len() == types.len() && given.iter().zip(types).all(|(a, b)| a.0 == *b);
    if is_strict && !is_same {
        return None;
    }
    let values = types.iter().enumerate().map(|(index, ty)| {
        size_of(*ty)?;
        let same = given.get(index).filter(|(given, _)| given == ty);
        Some(Value::from_raw(*ty, same.map_or(0, |(_, bits)| *bits).into()))
    });
    values.collect()
}

/// `reflect_signature(function, params, params_len, results, results_len, info_out)`, where
/// `info_out` gets a byte that says whether the type stays the same, and the counts of parameters
/// and results as 16 bits each, from the third byte on.
pub(super) fn reflect_signature(
    linker: &Mutex<Linker>,
    process: &mut Process,
    args: &[RawValue],
) -> Result<u32, Stop> {
    let [function, params, params_len, results, results_len, out] =
        [0, 1, 2, 3, 4, 5].map(|index: usize| args[index].u32());
    let found = guest::function_at(process, function).map(|(_, ty)| ty);
    // Whatever is no closure's stays the same for WASIX, an element that is empty too.
    let is_lasting = process.table_get(function).is_some()
        && !lock(linker).dialects.closures.by_slot.contains_key(&function);
    let info = |ty: &FuncType| {
        let count = |types: &[ValType]| (types.len() as u16).to_le_bytes();
        let [params, results] = [count(&ty.params), count(&ty.results)];
        let is_lasting = u8::from(is_lasting);
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
