//! Toywasm's names: module `dyld`, on which its `dlopen` and `dlsym` for C stand. Both functions
//! give 0 for success and 1 for failure; what went wrong `dlerror` tells.

use std::sync::{Mutex, Weak};

use dynvm_vm::value::RawValue;
use dynvm_vm::{HostFunction, Process, Stop};

use super::guest;
use crate::dlfcn::{self, Flags};
use crate::linker::{Linker, lock};
use crate::symbol::SymbolKind;

/// The module that these functions are imported from.
pub(super) const MODULE: &str = "dyld";
/// A symbol that is asked for as a function.
const SYMBOL_FUNC: u32 = 1;
/// A symbol that is asked for as data.
const SYMBOL_MEMORY: u32 = 2;

const SUCCESS: u32 = 0;
const FAILURE: u32 = 1;

pub(super) fn functions(linker: &Weak<Mutex<Linker>>) -> Vec<(&'static str, HostFunction)> {
    let function = |name, params, call| (name, guest::function(linker, name, params, call));
    vec![function("load_object", 4, load_object), function("resolve_symbol", 5, resolve_symbol)]
}

/// `load_object(name, name_len, flags, handle_out)`. Toywasm ignores the flags so far and its C
/// library passes 0; here they mean what they mean to `dlopen`.
fn load_object(
    linker: &Mutex<Linker>,
    process: &mut Process,
    args: &[RawValue],
) -> Result<u32, Stop> {
    let [name, len, flags, out] = [0, 1, 2, 3].map(|index: usize| args[index].u32());
    let Some(name) = guest::text(process, name, len) else { return Ok(FAILURE) };
    if guest::bytes(process, out, 4).is_none() {
        return Ok(FAILURE);
    }
    let flags = Flags(flags);
    let opened = match dlfcn::open_named(linker, process, &name, flags) {
        Ok(opened) => opened,
        Err(error) => {
            dlfcn::set_error(linker, &error);
            return Ok(FAILURE);
        }
    };
    let id = dlfcn::finish(linker, process, opened, flags)?;
    let written = guest::write(process, out, &dlfcn::handle(id).to_le_bytes());
    Ok(written.map_or(FAILURE, |()| SUCCESS))
}

/// `resolve_symbol(handle, kind, name, name_len, address_out)`
fn resolve_symbol(
    linker: &Mutex<Linker>,
    process: &mut Process,
    args: &[RawValue],
) -> Result<u32, Stop> {
    let [handle, kind, name, len, out] = [0, 1, 2, 3, 4].map(|index: usize| args[index].u32());
    let Some(name) = guest::text(process, name, len) else { return Ok(FAILURE) };
    let found = {
        let mut linker = lock(linker);
        match dlfcn::kind_of(&linker, handle, &name) {
            Ok(SymbolKind::Function(_)) if kind != SYMBOL_FUNC => return Ok(FAILURE),
            Ok(found) if !matches!(found, SymbolKind::Function(_)) && kind != SYMBOL_MEMORY => {
                return Ok(FAILURE);
            }
            Ok(_) => dlfcn::symbol(&mut linker, process, handle, &name),
            Err(error) => Err(error),
        }
    };
    match found {
        Ok(address) => {
            let written = guest::write(process, out, &address.to_le_bytes());
            Ok(written.map_or(FAILURE, |()| SUCCESS))
        }
        Err(error) => {
            dlfcn::set_error(linker, &error);
            Ok(FAILURE)
        }
    }
}
