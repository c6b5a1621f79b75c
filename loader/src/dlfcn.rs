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

use crate::dialect::wasix;
use crate::dso::{Dso, DsoId};
use crate::error::LoadError;
use crate::linker::{Linker, lock};
use crate::open::{self, Opened};
use crate::{close, dladdr, dlerror, dlinfo, dlsym, init};

pub(crate) use crate::dlsym::{kind_of, symbol};

/// Name under which the loader's own functions are kept; no module can import from it.
pub(crate) const MODULE: &str = "\0loader";
/// The functions that are the loader's whoever defines them too.
const OWN: [&str; 10] = [
    "dlopen",
    "dlsym",
    "dlclose",
    "dlerror",
    "dladdr",
    "dlinfo",
    "dl_iterate_phdr",
    "__cxa_atexit",
    "atexit",
    "__cxa_finalize",
];

/// Handles are not addresses, nor small numbers that a guest's mistake could give.
const HANDLE_BASE: u32 = 0x6400_0000;
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
    /// Its own scope comes before the global one. The number is dynvm's own: where glibc has it,
    /// wasi-libc has `RTLD_LOCAL`.
    pub const DEEPBIND: Flags = Flags(0x10000);
    /// What some libraries give for `RTLD_LOCAL`, which others say by silence.
    const LOCAL: Flags = Flags(8);
    /// All that mean something.
    const KNOWN: u32 = Self::LAZY.0
        | Self::NOW.0
        | Self::NOLOAD.0
        | Self::LOCAL.0
        | Self::GLOBAL.0
        | Self::NODELETE.0
        | Self::DEEPBIND.0;

    /// They themselves, or an error if they are none that `dlopen` takes.
    fn check(self, name: &str) -> Result<Flags, LoadError> {
        if self.0 & !Self::KNOWN != 0 {
            return Err(LoadError::UnknownFlags { flags: self.0 });
        }
        if self.0 & (Self::LAZY.0 | Self::NOW.0) == 0 {
            return Err(LoadError::NoBindingFlag { name: name.to_owned() });
        }
        Ok(self)
    }

    pub(crate) fn is_deep(self) -> bool {
        self.0 & Self::DEEPBIND.0 != 0
    }

    pub(crate) fn is_noload(self) -> bool {
        self.0 & Self::NOLOAD.0 != 0
    }

    pub(crate) fn is_lazy(self) -> bool {
        self.0 & Self::LAZY.0 != 0 && self.0 & Self::NOW.0 == 0
    }

    fn is_global(self) -> bool {
        self.0 & Self::GLOBAL.0 != 0
    }

    pub(crate) fn is_nodelete(self) -> bool {
        self.0 & Self::NODELETE.0 != 0
    }
}

/// What the family remembers between calls.
#[derive(Debug, Default)]
pub(crate) struct DlState {
    /// What went wrong last, until `dlerror` reads it.
    pub(crate) error: Option<String>,
    /// Where in guest memory `dlerror` writes it.
    pub(crate) error_buffer: Option<Range<u64>>,
    /// Strings that were handed out.
    strings: HashMap<String, u32>,
    /// The name that the program was started by.
    pub(crate) program: String,
    /// Where in guest memory the guest sees each dso.
    pub(crate) link_maps: HashMap<DsoId, u32>,
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
pub(crate) enum Failure {
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
                    set_error(&linker, &error);
                    failed
                }
            };
            values[0] = result.into();
            Ok(())
        };
        let ty = FuncType::new(vec![ValType::I32; params], vec![ValType::I32]);
        (name, HostFunction::new(name, ty, Arc::new(func)))
    };
    vec![
        function("dlopen", 2, 0, dlopen),
        function("dlsym", 2, 0, dlsym::dlsym),
        function("dlclose", 1, u32::MAX, dlclose),
        function("dlerror", 0, 0, dlerror::dlerror),
        function("dladdr", 2, 0, dladdr::dladdr),
        function("dlinfo", 3, u32::MAX, dlinfo::dlinfo),
        function("dl_iterate_phdr", 2, u32::MAX, dlinfo::dl_iterate_phdr),
    ]
}

fn dlopen(linker: &Mutex<Linker>, process: &mut Process, args: &[u32]) -> Result<u32, Failure> {
    lock(linker).dl.error = None;
    let name = if args[0] == 0 { String::new() } else { string(process, args[0])? };
    let asker = caller(&lock(linker), process);
    let flags = if wasix::is_libc_of(&lock(linker), asker) {
        wasix::flags_of(args[1])
    } else {
        Flags(args[1]).check(&name)?
    };
    if name.is_empty() {
        return Ok(handle(open_main_again(&mut lock(linker), flags)?));
    }
    match open::open_library(linker, process, &name, asker, flags)? {
        Some(opened) => finish(linker, process, opened, flags).map_err(Failure::Stop).map(handle),
        // Not to find it is what `RTLD_NOLOAD` is for, and no error.
        None => Ok(0),
    }
}

/// Another handle of the main program, which is what a guest opens without a name.
pub(crate) fn open_main_again(linker: &mut Linker, flags: Flags) -> Result<DsoId, LoadError> {
    let main = linker.map.main().ok_or(LoadError::NoMain)?.id;
    let dso = linker.map.dso_mut(main);
    dso.opened += 1;
    dso.is_pinned |= flags.is_nodelete();
    Ok(main)
}

/// Opens what the guest names through a dialect of `dlopen`.
pub(crate) fn open_named(
    linker: &Mutex<Linker>,
    process: &mut Process,
    name: &str,
    flags: Flags,
) -> Result<Opened, LoadError> {
    let asker = caller(&lock(linker), process);
    let opened = open::open_library(linker, process, name, asker, flags)?;
    opened.ok_or_else(|| LoadError::NotLoaded { name: name.to_owned() })
}

/// The dso whose function asks; the main program if nobody's does.
pub(crate) fn caller(linker: &Linker, process: &Process) -> DsoId {
    let caller = process.caller();
    let mut dsos = linker.map.with_closing();
    let found = dsos.find(|dso| dso.instance.is_some() && dso.instance == caller);
    found.or_else(|| linker.map.main()).map_or(DsoId(0), |dso| dso.id)
}

/// Counts the new handle, runs the constructors, and only then promotes: `RTLD_GLOBAL` takes
/// effect after them. What stops in them is noted, for whoever called the guest to take back.
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
    }
    init::run(linker, process, &opened.order).inspect_err(|_| {
        lock(linker).stopped.push((root, flags.is_nodelete() && opened.is_new));
    })?;
    if flags.is_global() {
        let mut linker = lock(linker);
        let Linker { map, global, .. } = &mut *linker;
        // Its own constructors may have closed it again.
        let members = map.find(root).and_then(|dso| dso.searchlist.clone()).unwrap_or_default();
        for id in members.iter() {
            global.push(map.dso(*id));
        }
    }
    Ok(root)
}

/// The dso that a handle was given for, as long as it is there: also while its destructors run, and
/// once all handles are given back and somebody else keeps it, as in glibc.
pub(crate) fn dso_of_handle(linker: &Linker, handle: u32) -> Result<DsoId, LoadError> {
    let invalid = LoadError::InvalidHandle { handle: handle.into() };
    let Some(distance) = handle.checked_sub(HANDLE_BASE) else { return Err(invalid) };
    let id = DsoId(distance / 16);
    let was_opened = |dso: &&Dso| dso.searchlist.is_some() || dso.is_start || dso.is_pinned;
    match linker.map.find(id).filter(was_opened) {
        Some(_) if distance % 16 == 0 => Ok(id),
        _ => Err(invalid),
    }
}

/// Leaves an error for `dlerror`.
pub(crate) fn set_error(linker: &Mutex<Linker>, error: &LoadError) {
    lock(linker).dl.error = Some(dlerror::text(error));
}

fn dlclose(linker: &Mutex<Linker>, process: &mut Process, args: &[u32]) -> Result<u32, Failure> {
    lock(linker).dl.error = None;
    if release_handle(&mut lock(linker), args[0])? {
        close::unload_unused(linker, process).map_err(|(_, stop)| Failure::Stop(stop))?;
    }
    Ok(0)
}

/// Gives one handle back. What is never unloaded can be closed any number of times. Tells whether it
/// was the last one of a dso that can go: only then glibc looks at what else nothing holds, as what
/// has had its turn at exit.
pub(crate) fn release_handle(linker: &mut Linker, handle: u32) -> Result<bool, LoadError> {
    let id = dso_of_handle(linker, handle)?;
    let dso = linker.map.dso_mut(id);
    if dso.is_pinned {
        return Ok(false);
    }
    let left = dso.opened.checked_sub(1);
    dso.opened = left.ok_or_else(|| LoadError::NotOpen { found_as: dso.found_as.clone() })?;
    tracing::debug!(target: "dynvm::files", "{} closed, {} handles left", dso.name, dso.opened);
    Ok(dso.opened == 0 && !dso.is_start)
}

/// The address of a copy of `text` in guest memory, which stays there.
pub(crate) fn guest_string(
    linker: &mut Linker,
    process: &mut Process,
    text: &str,
) -> Result<u32, LoadError> {
    if let Some(address) = linker.dl.strings.get(text) {
        return Ok(*address);
    }
    let size = text.len() as u64 + 1;
    let range = linker.space.take_memory(process, size, 1, "a string")?;
    // What was taken is zeroed: the string has its end.
    write(process, range.start, text.as_bytes());
    linker.dl.strings.insert(text.to_owned(), range.start as u32);
    Ok(range.start as u32)
}

pub(crate) fn write(process: &mut Process, address: u64, bytes: &[u8]) {
    let start = address as usize;
    process.memory_mut()[start..start + bytes.len()].copy_from_slice(bytes);
}

/// The C string at an address of the guest's.
pub(crate) fn string(process: &Process, address: u32) -> Result<String, Failure> {
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
