//! `dlopen` and its family: what the guest can ask the loader while it runs.
//!
//! They are functions of the host that win over any definition of a library (the usual `libdl.so`
//! of a WASI sysroot only has stubs that fail).

use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, Weak};

use dynvm_vm::code::TrapCode;
use dynvm_vm::types::{FuncType, ValType};
use dynvm_vm::value::RawValue;
use dynvm_vm::{HostFunction, Process, Stop, Trap};

use crate::close;
use crate::dso::{DsoId, DsoState};
use crate::error::{LoadError, Mismatch};
use crate::init;
use crate::linker::{Linker, lock};
use crate::open::{self, Opened};
use crate::resolve::address;
use crate::symbol::{Symbol, SymbolKind};

/// Name under which the loader's own functions are kept; no module can import from it.
pub(crate) const MODULE: &str = "\0loader";
/// The functions that are the loader's whoever defines them too.
const OWN: [&str; 8] =
    ["dlopen", "dlsym", "dlclose", "dlerror", "dladdr", "__cxa_atexit", "atexit", "__cxa_finalize"];

/// Handles are not addresses, nor small numbers that a guest's mistake could give.
const HANDLE_BASE: u32 = 0x6400_0000;
/// The scope that a program starts with.
const RTLD_DEFAULT: u32 = 0;
/// The scope behind the dso that asks.
const RTLD_NEXT: u32 = u32::MAX;
/// Longest string that a guest can pass.
const STRING_BYTES_MAX: usize = 4096;

/// Flags of `dlopen`, as wasi-libc, musl and Emscripten number them. `RTLD_LOCAL` is 8 or 0: the
/// absence of [`Flags::GLOBAL`] is what counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flags(pub u32);

impl Flags {
    /// Functions may be bound at their first call.
    pub const LAZY: Flags = Flags(1);
    /// Everything is bound at once.
    pub const NOW: Flags = Flags(2);
    /// Only what is loaded already.
    pub const NOLOAD: Flags = Flags(4);
    /// Its symbols join the global scope.
    pub const GLOBAL: Flags = Flags(256);
    /// It is never unloaded.
    pub const NODELETE: Flags = Flags(4096);

    pub(crate) fn is_noload(self) -> bool {
        self.0 & Self::NOLOAD.0 != 0
    }

    pub(crate) fn is_lazy(self) -> bool {
        self.0 & Self::LAZY.0 != 0 && self.0 & Self::NOW.0 == 0
    }

    fn is_global(self) -> bool {
        self.0 & Self::GLOBAL.0 != 0
    }

    fn is_nodelete(self) -> bool {
        self.0 & Self::NODELETE.0 != 0
    }
}

/// What the family remembers between calls.
#[derive(Debug, Default)]
pub(crate) struct DlState {
    /// What went wrong last, until `dlerror` reads it.
    error: Option<String>,
    /// Where in guest memory `dlerror` writes it.
    error_buffer: Option<Range<u64>>,
    /// Strings that `dladdr` has handed out.
    strings: HashMap<String, u32>,
}

/// Whether a function is the loader's own.
pub(crate) fn is_own(name: &str) -> bool {
    OWN.contains(&name)
}

/// What `dlopen` gives for a dso.
pub(crate) fn handle(id: DsoId) -> u32 {
    HANDLE_BASE + id.0 * 16
}

type Call = fn(&Mutex<Linker>, &mut Process, &[u32]) -> Result<u32, Failure>;

/// How a call of the family fails.
enum Failure {
    /// The guest hears of it through `dlerror`.
    Error(LoadError),
    /// A constructor stopped the program.
    Stop(Stop),
}

impl From<LoadError> for Failure {
    fn from(error: LoadError) -> Self {
        Failure::Error(error)
    }
}

/// The family as host functions: name, function.
pub(crate) fn functions(linker: &Weak<Mutex<Linker>>) -> Vec<(&'static str, HostFunction)> {
    let function = |name: &'static str, params: usize, failed: u32, call: Call| {
        let linker = Weak::clone(linker);
        let func = move |process: &mut Process, values: &mut [RawValue]| {
            let Some(linker) = linker.upgrade() else {
                return Err(Trap::new(TrapCode::Host, "the loader is gone").into());
            };
            let args: Vec<u32> = values.iter().take(params).map(|value| value.u32()).collect();
            let result = match call(&linker, process, &args) {
                Ok(result) => result,
                Err(Failure::Stop(stop)) => return Err(stop),
                Err(Failure::Error(error)) => {
                    tracing::debug!(target: "dynvm::files", "{name} failed: {error}");
                    lock(&linker).dl.error = Some(error.to_string());
                    failed
                }
            };
            values[0] = result.into();
            Ok(())
        };
        let ty = FuncType::new(vec![ValType::I32; params], vec![ValType::I32]);
        (name, HostFunction { name: name.to_owned(), ty, func: Arc::new(func) })
    };
    vec![
        function("dlopen", 2, 0, dlopen),
        function("dlsym", 2, 0, dlsym),
        function("dlclose", 1, 1, dlclose),
        function("dlerror", 0, 0, dlerror),
        function("dladdr", 2, 0, dladdr),
    ]
}

fn dlopen(linker: &Mutex<Linker>, process: &mut Process, args: &[u32]) -> Result<u32, Failure> {
    let (name, flags) = (args[0], Flags(args[1]));
    let name = if name == 0 { String::new() } else { string(process, name)? };
    if name.is_empty() {
        let linker = lock(linker);
        let main = linker.map.main().ok_or(LoadError::NoMain)?;
        return Ok(handle(main.id));
    }
    let opened = open::open_library(linker, process, &name, flags)?;
    finish(linker, process, opened, flags).map_err(Failure::Stop).map(handle)
}

/// Counts the new handle, runs the constructors, and only then promotes: `RTLD_GLOBAL` takes
/// effect after them.
pub(crate) fn finish(
    linker: &Mutex<Linker>,
    process: &mut Process,
    opened: Opened,
    flags: Flags,
) -> Result<DsoId, Stop> {
    let root = opened.root;
    {
        let mut linker = lock(linker);
        let dso = linker.map.dso_mut(root);
        dso.opened += 1;
        dso.is_pinned |= flags.is_nodelete();
        for constructor in &opened.constructors {
            linker.map.dso_mut(constructor.dso).state = DsoState::Constructed;
        }
    }
    init::run(process, &opened.constructors)?;
    if flags.is_global() {
        let mut linker = lock(linker);
        let Linker { map, global, .. } = &mut *linker;
        for id in map.closure(root).iter() {
            global.push(map.dso(*id));
        }
    }
    Ok(root)
}

fn dlsym(linker: &Mutex<Linker>, process: &mut Process, args: &[u32]) -> Result<u32, Failure> {
    let name = string(process, args[1])?;
    let mut linker = lock(linker);
    let address = symbol(&mut linker, process, args[0], &name)?;
    Ok(address)
}

/// Address of a symbol as `dlsym` gives it: a table index for a function.
pub(crate) fn symbol(
    linker: &mut Linker,
    process: &mut Process,
    handle: u32,
    name: &str,
) -> Result<u32, LoadError> {
    let is_main = |id: DsoId| linker.map.dso(id).is_main;
    let (members, scope) = match handle {
        RTLD_DEFAULT => (linker.global.members().to_vec(), "the global scope".to_owned()),
        RTLD_NEXT => {
            let behind = linker.global.members().iter().copied().filter(|id| !is_main(*id));
            (behind.collect(), "the scope behind the main program".to_owned())
        }
        _ => {
            let id = dso_of_handle(linker, handle)?;
            let members = match is_main(id) {
                true => linker.global.members().to_vec(),
                false => linker.map.closure(id).to_vec(),
            };
            (members, format!("`{}`", linker.map.dso(id).name))
        }
    };
    let found = members
        .iter()
        .find_map(|id| linker.map.dso(*id).symbols.get(name).map(|symbol| (*id, *symbol)));
    let not_found = || LoadError::SymbolNotFound { symbol: name.to_owned(), scope: scope.clone() };
    let (id, found) = found.ok_or_else(not_found)?;
    match address_of(linker, process, id, found)? {
        Some(address) => Ok(address),
        None => Err(LoadError::SymbolKind(Box::new(Mismatch {
            symbol: name.to_owned(),
            expected: "a function or data",
            needed_by: "dlsym".to_owned(),
            found: found.kind.noun(),
            defined_by: linker.map.dso(id).name.to_string(),
        }))),
    }
}

/// What kind of symbol a handle of a dso finds under a name.
pub(crate) fn kind_of(linker: &Linker, handle: u32, name: &str) -> Result<SymbolKind, LoadError> {
    let id = dso_of_handle(linker, handle)?;
    let symbols = linker.map.closure(id);
    let mut symbols = symbols.iter().map(|id| linker.map.dso(*id).symbols.get(name));
    let scope = || format!("`{}`", linker.map.dso(id).name);
    let found = symbols.find_map(|symbol| symbol.map(|symbol| symbol.kind));
    found.ok_or_else(|| LoadError::SymbolNotFound { symbol: name.to_owned(), scope: scope() })
}

/// Leaves an error for `dlerror`.
pub(crate) fn set_error(linker: &Mutex<Linker>, error: &LoadError) {
    lock(linker).dl.error = Some(error.to_string());
}

/// A function's canonical table index, made on demand, or the address of data.
fn address_of(
    linker: &mut Linker,
    process: &mut Process,
    id: DsoId,
    symbol: Symbol,
) -> Result<Option<u32>, LoadError> {
    let dso = linker.map.dso(id);
    let SymbolKind::Function(func) = symbol.kind else {
        return Ok(address(dso, symbol).map(|address| address as u32));
    };
    let func = process.instance(dso.instance()).functions[func.index()].func;
    if let Some(slot) = linker.slots.get(func) {
        return Ok(Some(slot));
    }
    let range = linker.space.take_slots(process, 1, 1, &dso.name)?;
    let slot = range.start as u32;
    linker.slots.add_fresh(func, slot);
    linker
        .slots
        .fill(process, func)
        .map_err(|source| LoadError::Vm { dso: dso.name.to_string(), source })?;
    Ok(Some(slot))
}

pub(crate) fn dso_of_handle(linker: &Linker, handle: u32) -> Result<DsoId, LoadError> {
    let invalid = LoadError::InvalidHandle { handle: handle.into() };
    let Some(distance) = handle.checked_sub(HANDLE_BASE) else { return Err(invalid) };
    let id = DsoId(distance / 16);
    match linker.map.find(id) {
        Some(dso) if distance % 16 == 0 && (dso.opened > 0 || dso.is_main) => Ok(id),
        _ => Err(invalid),
    }
}

fn dlclose(linker: &Mutex<Linker>, process: &mut Process, args: &[u32]) -> Result<u32, Failure> {
    release_handle(&mut lock(linker), args[0])?;
    close::unload_unused(linker, process).map_err(|(_, stop)| Failure::Stop(stop))?;
    Ok(0)
}

/// Gives one handle back.
pub(crate) fn release_handle(linker: &mut Linker, handle: u32) -> Result<(), LoadError> {
    let id = dso_of_handle(linker, handle)?;
    let dso = linker.map.dso_mut(id);
    // The main program's handle can be closed any number of times.
    dso.opened = dso.opened.saturating_sub(1);
    tracing::debug!(target: "dynvm::files", "{} closed, {} handles left", dso.name, dso.opened);
    Ok(())
}

fn dlerror(linker: &Mutex<Linker>, process: &mut Process, _: &[u32]) -> Result<u32, Failure> {
    let mut linker = lock(linker);
    let Some(mut message) = linker.dl.error.take() else { return Ok(0) };
    let buffer = match &linker.dl.error_buffer {
        Some(buffer) => buffer.clone(),
        None => {
            let size = STRING_BYTES_MAX as u64;
            let buffer = linker.space.take_memory(process, size, 16, "dlerror")?;
            linker.dl.error_buffer = Some(buffer.clone());
            buffer
        }
    };
    let mut len = message.len().min(STRING_BYTES_MAX - 1);
    while !message.is_char_boundary(len) {
        len -= 1;
    }
    message.truncate(len);
    message.push('\0');
    write(process, buffer.start, message.as_bytes());
    Ok(buffer.start as u32)
}

/// Fills `Dl_info { dli_fname, dli_fbase, dli_sname, dli_saddr }`.
fn dladdr(linker: &Mutex<Linker>, process: &mut Process, args: &[u32]) -> Result<u32, Failure> {
    let mut linker = lock(linker);
    let Some((id, name, start)) = symbol_at(&linker, process, args[0]) else { return Ok(0) };
    let dso = linker.map.dso(id);
    let (file, base) = (dso.path.display().to_string(), dso.bias.memory_base as u32);
    let file = guest_string(&mut linker, process, &file)?;
    let name = match name {
        Some(name) => guest_string(&mut linker, process, &name)?,
        None => 0,
    };
    let info: Vec<u8> = [file, base, name, start].iter().flat_map(|it| it.to_le_bytes()).collect();
    let end = u64::from(args[1]) + info.len() as u64;
    if end > process.memory().len() as u64 {
        return Ok(0);
    }
    write(process, args[1].into(), &info);
    Ok(1)
}

/// Which dso an address or table index belongs to, and the symbol at or before it.
fn symbol_at(
    linker: &Linker,
    process: &Process,
    address: u32,
) -> Option<(DsoId, Option<String>, u32)> {
    let by_data = linker.map.iter().find(|dso| dso.memory.contains(&u64::from(address)));
    if let Some(dso) = by_data {
        let distance = u64::from(address) - dso.memory.start;
        let before = dso.symbols.iter().filter_map(|(name, symbol)| match symbol.kind {
            SymbolKind::Data(offset) if offset <= distance => Some((offset, name)),
            _ => None,
        });
        let (offset, name) = before.max()?;
        let start = dso.memory.start + offset;
        return Some((dso.id, Some(name.to_string()), start as u32));
    }
    let func = process.table_get(address).filter(|func| func.0 != 0)?;
    let name = process.func_name(func);
    let (dso, name) = name.split_once('!')?;
    Some((linker.map.by_name(dso)?, Some(name.to_owned()), address))
}

fn guest_string(linker: &mut Linker, process: &mut Process, text: &str) -> Result<u32, LoadError> {
    if let Some(address) = linker.dl.strings.get(text) {
        return Ok(*address);
    }
    let size = text.len() as u64 + 1;
    let range = linker.space.take_memory(process, size, 1, "dladdr")?;
    // What was taken is zeroed: the string has its end.
    write(process, range.start, text.as_bytes());
    linker.dl.strings.insert(text.to_owned(), range.start as u32);
    Ok(range.start as u32)
}

fn write(process: &mut Process, address: u64, bytes: &[u8]) {
    let start = address as usize;
    process.memory_mut()[start..start + bytes.len()].copy_from_slice(bytes);
}

/// The C string at an address of the guest's.
fn string(process: &Process, address: u32) -> Result<String, Failure> {
    let memory = process.memory().get(address as usize..).unwrap_or_default();
    let memory = &memory[..memory.len().min(STRING_BYTES_MAX)];
    let end = memory.iter().position(|byte| *byte == 0);
    match end.map(|end| std::str::from_utf8(&memory[..end])) {
        Some(Ok(text)) => Ok(text.to_owned()),
        _ => {
            let name = format!("string at {address:#x}");
            Err(LoadError::NotFound { name, searched: Vec::new() }.into())
        }
    }
}
