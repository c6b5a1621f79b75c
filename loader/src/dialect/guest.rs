//! What host functions of the dialects read from guest memory and write to it. Guests pass any
//! number for a pointer: nothing here believes one.

use std::sync::{Arc, Mutex, Weak};

use dynvm_vm::code::TrapCode;
use dynvm_vm::types::{FuncType, ValType};
use dynvm_vm::value::RawValue;
use dynvm_vm::{HostFunction, Process, Stop, Trap};

use crate::linker::Linker;

/// Longest string that a guest can pass, in bytes.
const STRING_BYTES_MAX: usize = 4096;

/// The `len` bytes at `address`, if all of them are in memory.
pub(crate) fn bytes(process: &Process, address: u32, len: u32) -> Option<&[u8]> {
    let end = u64::from(address) + u64::from(len);
    process.memory().get(address as usize..usize::try_from(end).ok()?)
}

/// The string of `len` bytes at `address`; one that ends with a NUL before counts as long as that.
pub(crate) fn text(process: &Process, address: u32, len: u32) -> Option<String> {
    let bytes = bytes(process, address, len).filter(|it| it.len() <= STRING_BYTES_MAX)?;
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    Some(std::str::from_utf8(&bytes[..end]).ok()?.to_owned())
}

/// Writes `bytes` at `address`, or nothing if they do not fit into memory.
pub(crate) fn write(process: &mut Process, address: u32, bytes: &[u8]) -> Option<()> {
    let start = address as usize;
    let place = process.memory_mut().get_mut(start..start + bytes.len())?;
    place.copy_from_slice(bytes);
    Some(())
}

/// The function at a table index, and its type.
pub(crate) fn function_at(
    process: &Process,
    index: u32,
) -> Option<(dynvm_vm::context::FuncId, Arc<FuncType>)> {
    let func = process.table_get(index).filter(|func| func.0 != 0)?;
    let ty = process.func_type(process.func_type_id(func)?)?;
    Some((func, Arc::clone(ty)))
}

/// What a host function of a dialect does, given its arguments.
pub(crate) type Call = fn(&Mutex<Linker>, &mut Process, &[RawValue]) -> Result<u32, Stop>;

/// A host function of `i32` parameters, one `i32` result, and the linker.
pub(crate) fn function(
    linker: &Weak<Mutex<Linker>>,
    name: &'static str,
    params: usize,
    call: Call,
) -> HostFunction {
    let linker = Weak::clone(linker);
    let func = move |process: &mut Process, values: &mut [RawValue]| {
        let Some(linker) = linker.upgrade() else {
            return Err(Trap::new(TrapCode::Host, "the loader is gone").into());
        };
        let result = call(&linker, process, &values[..params])?;
        values[0] = result.into();
        Ok(())
    };
    let ty = FuncType::new(vec![ValType::I32; params], vec![ValType::I32]);
    HostFunction::new(name, ty, Arc::new(func))
}
