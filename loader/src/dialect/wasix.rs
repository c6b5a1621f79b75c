//! WASIX's names: the functions of module `wasix_32v1` that load libraries, tell and use the types
//! of function pointers, and make function pointers with an environment.
//!
//! All of them give an error number of WASI. Where a text goes with it, it is cut to the caller's
//! buffer and ends with a NUL.

mod call;
mod closure;

use std::sync::{Mutex, Weak};

use dynvm_vm::value::RawValue;
use dynvm_vm::{HostFunction, Process, Stop};

use super::guest;
use crate::close;
use crate::dlfcn::{self, Flags};
use crate::dso::DsoId;
use crate::error::LoadError;
use crate::linker::{Linker, lock};
use crate::{open, resolve};
use call::{call_dynamic, call_dynamic2, reflect_signature};
pub(crate) use closure::Closures;
use closure::{closure_allocate, closure_free, closure_prepare};

/// The module that these functions are imported from.
pub(super) const MODULE: &str = "wasix_32v1";

/// Error numbers of WASI, as far as these functions give them.
mod errno {
    pub(super) const SUCCESS: u32 = 0;
    pub(super) const INVALID: u32 = 28;
    pub(super) const NOT_EXECUTABLE: u32 = 45;
    pub(super) const OUT_OF_MEMORY: u32 = 48;
    pub(super) const OVERFLOW: u32 = 61;
    pub(super) const MEMORY_VIOLATION: u32 = 78;
}

pub(super) fn functions(linker: &Weak<Mutex<Linker>>) -> Vec<(&'static str, HostFunction)> {
    let function = |name, params, call| (name, guest::function(linker, name, params, call));
    vec![
        function("dlopen", 8, dlopen),
        function("dlsym", 6, dlsym),
        function("dl_invalid_handle", 1, dl_invalid_handle),
        function("dlclose", 3, dlclose),
        function("call_dynamic", 6, call_dynamic),
        function("call_dynamic2", 6, call_dynamic2),
        function("reflect_signature", 6, reflect_signature),
        function("closure_allocate", 1, closure_allocate),
        function("closure_prepare", 7, closure_prepare),
        function("closure_free", 1, closure_free),
    ]
}

/// WASIX's flags of `dlopen` beyond `RTLD_LAZY` and `RTLD_NOW`, whose numbers are everybody's, and
/// ours.
const FLAGS: [(u32, Flags); 4] =
    [(4, Flags::GLOBAL), (8, Flags::NOLOAD), (16, Flags::NODELETE), (32, Flags::DEEPBIND)];

/// The flags that WASIX's C library means. Its host looks at none of them: one that nobody has
/// numbered means nothing, and without any the library is bound at once.
pub(crate) fn flags_of(number: u32) -> Flags {
    let given = FLAGS.iter().filter(|(theirs, _)| number & theirs != 0);
    let binding = number & (Flags::LAZY.0 | Flags::NOW.0);
    Flags(given.fold(binding, |flags, (_, ours)| flags | ours.0))
}

/// Whether the C library that `asker` was compiled for is WASIX's: the dso that defines `dlopen` for
/// it, or, where none does because it is linked into the program and nobody else needed it, the main
/// program calls WASIX's host. Then a flag that `asker` gives to `dlopen` has WASIX's number.
pub(crate) fn is_libc_of(linker: &Linker, asker: DsoId) -> bool {
    let map = &linker.map;
    let definer = resolve::find(map, &linker.global, map.dso(asker), "dlopen");
    let libc = definer.map(|(id, _)| map.dso(id)).or_else(|| map.main());
    libc.is_some_and(|dso| dso.module.imports.iter().any(|import| import.module == MODULE))
}

/// `dlopen(path, path_len, flags, error, error_len, search, search_len, handle_out)`, where
/// `search` is a list of directories of the guest's, separated by colons.
fn dlopen(linker: &Mutex<Linker>, process: &mut Process, args: &[RawValue]) -> Result<u32, Stop> {
    let [path, path_len, flags, error, error_len, search, search_len, out] =
        [0, 1, 2, 3, 4, 5, 6, 7].map(|index: usize| args[index].u32());
    if guest::bytes(process, out, 4).is_none() {
        return Ok(errno::MEMORY_VIOLATION);
    }
    let flags = flags_of(flags);
    let id = if path == 0 {
        dlfcn::open_main_again(&mut lock(linker), flags).ok()
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

/// `dlclose(handle, error, error_len)`: C libraries that do not know it only ask whether the handle
/// is a valid one, and what they closed stays.
fn dlclose(linker: &Mutex<Linker>, process: &mut Process, args: &[RawValue]) -> Result<u32, Stop> {
    let [handle, error, error_len] = [0, 1, 2].map(|index: usize| args[index].u32());
    let released = dlfcn::release_handle(&mut lock(linker), handle);
    match released {
        Err(failure) => return Ok(failed(process, &failure, error, error_len)),
        Ok(true) => close::unload_unused(linker, process).map_err(|(_, stop)| stop)?,
        Ok(false) => {}
    }
    Ok(errno::SUCCESS)
}
