//! The functions of WASI preview 1 as host functions: name, signature and call, one line each.

use std::io;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use dynvm_vm::code::TrapCode;
use dynvm_vm::types::{FuncType, ValType};
use dynvm_vm::value::RawValue;
use dynvm_vm::{HostFunc, HostFunction, Process, Stop, Trap};
use wasi_common::WasiCtx;
use wasi_common::snapshots::preview_0::wasi_unstable;
use wasi_common::snapshots::preview_1::types::Errno;
use wasi_common::snapshots::preview_1::wasi_snapshot_preview1;
use wiggle::{GuestError, GuestMemory};

use crate::{clocks, trace};

/// What a function of `wasi-common` comes to: an error number, or an error that has none.
type Outcome = Result<i32, wiggle::error::Error>;

/// A function of WASI.
struct Function {
    name: &'static str,
    params: &'static [ValType],
    /// What they are.
    param_names: &'static [&'static str],
    /// Whether it gives an error number; else it does not return.
    has_result: bool,
    call: fn(&mut WasiCtx, &mut GuestMemory<'_>, &[RawValue]) -> Outcome,
}

/// A table of functions of one version of WASI.
macro_rules! functions {
    ($version:ident: $($name:ident($($param:ident: $ty:ident),*);)*) => {
        [$(Function {
            name: stringify!($name),
            params: &[$(functions!(@type $ty)),*],
            param_names: &[$(stringify!($param)),*],
            has_result: true,
            call: |context, memory, values| {
                #[allow(irrefutable_let_patterns, reason = "one function has no parameter")]
                let [$($param,)* ..] = *values else { unreachable!("the signature says how many") };
                ready($version::$name(context, memory, $($param.$ty()),*))
            },
        },)*]
    };
    (@type i32) => { ValType::I32 };
    (@type i64) => { ValType::I64 };
}

/// The functions that both versions have, with the same signatures.
macro_rules! shared_functions {
    ($version:ident) => {
        functions! { $version:
            args_get(argv: i32, buffer: i32);
            args_sizes_get(count: i32, buffer_len: i32);
            environ_get(environ: i32, buffer: i32);
            environ_sizes_get(count: i32, buffer_len: i32);
            clock_res_get(clock: i32, resolution: i32);
            clock_time_get(clock: i32, precision: i64, time: i32);
            fd_advise(fd: i32, offset: i64, len: i64, advice: i32);
            fd_allocate(fd: i32, offset: i64, len: i64);
            fd_close(fd: i32);
            fd_datasync(fd: i32);
            fd_fdstat_get(fd: i32, fdstat: i32);
            fd_fdstat_set_flags(fd: i32, flags: i32);
            fd_fdstat_set_rights(fd: i32, base: i64, inheriting: i64);
            fd_filestat_get(fd: i32, filestat: i32);
            fd_filestat_set_size(fd: i32, size: i64);
            fd_filestat_set_times(fd: i32, accessed: i64, modified: i64, flags: i32);
            fd_pread(fd: i32, iovs: i32, iovs_len: i32, offset: i64, read: i32);
            fd_prestat_get(fd: i32, prestat: i32);
            fd_prestat_dir_name(fd: i32, path: i32, path_len: i32);
            fd_pwrite(fd: i32, iovs: i32, iovs_len: i32, offset: i64, written: i32);
            fd_read(fd: i32, iovs: i32, iovs_len: i32, read: i32);
            fd_readdir(fd: i32, buffer: i32, buffer_len: i32, cookie: i64, used: i32);
            fd_renumber(from: i32, to: i32);
            fd_seek(fd: i32, offset: i64, whence: i32, position: i32);
            fd_sync(fd: i32);
            fd_tell(fd: i32, position: i32);
            fd_write(fd: i32, iovs: i32, iovs_len: i32, written: i32);
            path_create_directory(fd: i32, path: i32, path_len: i32);
            path_filestat_get(fd: i32, flags: i32, path: i32, path_len: i32, filestat: i32);
            path_filestat_set_times(
                fd: i32, lookup: i32, path: i32, path_len: i32, accessed: i64, modified: i64,
                flags: i32
            );
            path_link(
                from_fd: i32, lookup: i32, from: i32, from_len: i32, to_fd: i32, to: i32,
                to_len: i32
            );
            path_open(
                fd: i32, lookup: i32, path: i32, path_len: i32, flags: i32, rights: i64,
                inheriting: i64, fdflags: i32, opened: i32
            );
            path_readlink(
                fd: i32, path: i32, path_len: i32, buffer: i32, buffer_len: i32, used: i32
            );
            path_remove_directory(fd: i32, path: i32, path_len: i32);
            path_rename(
                from_fd: i32, from: i32, from_len: i32, to_fd: i32, to: i32, to_len: i32
            );
            path_symlink(target: i32, target_len: i32, fd: i32, path: i32, path_len: i32);
            path_unlink_file(fd: i32, path: i32, path_len: i32);
            poll_oneoff(subscriptions: i32, events: i32, len: i32, happened: i32);
            proc_raise(signal: i32);
            sched_yield();
            random_get(buffer: i32, buffer_len: i32);
            sock_recv(fd: i32, iovs: i32, iovs_len: i32, flags: i32, received: i32, out: i32);
            sock_send(fd: i32, iovs: i32, iovs_len: i32, flags: i32, sent: i32);
            sock_shutdown(fd: i32, how: i32);
        }
    };
}

/// The functions of the newer version but `proc_exit`; one is its alone.
static NEWER: &[&[Function]] = &[
    &shared_functions!(wasi_snapshot_preview1),
    &functions! { wasi_snapshot_preview1:
        sock_accept(fd: i32, flags: i32, accepted: i32);
    },
];

/// Those of the older version.
static OLDER: &[&[Function]] = &[&shared_functions!(wasi_unstable)];

/// The versions: name of the module, functions.
const VERSIONS: [(&str, &[&[Function]]); 2] =
    [("wasi_snapshot_preview1", NEWER), ("wasi_unstable", OLDER)];

/// Every function of a version.
fn of_version(version: &'static [&'static [Function]]) -> impl Iterator<Item = &'static Function> {
    version.iter().copied().flatten().chain([&PROC_EXIT])
}

/// The names of the modules.
pub(crate) fn modules() -> [&'static str; 2] {
    VERSIONS.map(|(module, _)| module)
}

/// The function of this name.
pub(crate) fn find(
    context: &Arc<Mutex<WasiCtx>>,
    module: &str,
    field: &str,
) -> Option<HostFunction> {
    let (_, version) = VERSIONS.into_iter().find(|(name, _)| *name == module)?;
    let function = of_version(version).find(|function| function.name == field)?;
    Some(host_function(function, Arc::clone(context)))
}

/// Every function of both versions: module name, field name, function.
pub(crate) fn all(context: &Arc<Mutex<WasiCtx>>) -> Vec<(String, String, HostFunction)> {
    let calls = VERSIONS
        .into_iter()
        .flat_map(|(module, version)| of_version(version).map(move |function| (module, function)));
    calls
        .map(|(module, function)| {
            let name = function.name.to_owned();
            (module.to_owned(), name, host_function(function, Arc::clone(context)))
        })
        .collect()
}

/// `proc_exit` is served here: `wasi-common` takes no status above 125.
static PROC_EXIT: Function = Function {
    name: "proc_exit",
    params: &[ValType::I32],
    param_names: &["status"],
    has_result: false,
    call: |_, _, _| unreachable!("it is served here"),
};

fn host_function(function: &Function, context: Arc<Mutex<WasiCtx>>) -> HostFunction {
    let results: &[ValType] = if function.has_result { &[ValType::I32] } else { &[] };
    let ty = FuncType::new(function.params, results);
    let Function { name, call, .. } = *function;
    let library = move |process: &mut Process, values: &mut [RawValue]| {
        let mut context = context.lock().unwrap_or_else(PoisonError::into_inner);
        let mut memory = GuestMemory::Unshared(process.memory_mut());
        let errno = call(&mut context, &mut memory, values).or_else(|error| errno(name, &error))?;
        values[0] = errno.into();
        Ok(())
    };
    let func: HostFunc = match name {
        "proc_exit" => Arc::new(|_, values| Err(Stop::Exit(values[0].u32()))),
        // There are no handlers that a signal could reach.
        "proc_raise" => Arc::new(move |_, values| {
            Err(failed(name, &format_args!("the guest raised signal {}", values[0].u32())))
        }),
        "clock_time_get" => Arc::new(move |process, values| match clocks::cpu_clock(values) {
            Some(clock) => put_u64(name, process, values, 2, clocks::now(clock)),
            None => library(process, values),
        }),
        "clock_res_get" => Arc::new(move |process, values| match clocks::cpu_clock(values) {
            Some(clock) => put_u64(name, process, values, 1, clocks::resolution(clock)),
            None => library(process, values),
        }),
        _ => Arc::new(library),
    };
    HostFunction::new(name, ty, trace::traced(name, function.param_names, func))
}

/// Stores a result at the address in parameter `pointer` and returns success to the guest.
fn put_u64(
    name: &str,
    process: &mut Process,
    values: &mut [RawValue],
    pointer: usize,
    result: u64,
) -> Result<(), Stop> {
    let address = values[pointer].u32() as usize;
    let Some(place) = process.memory_mut().get_mut(address..address + 8) else {
        return Err(failed(
            name,
            &format_args!("pointer {address:#x} is out of bounds for 8 bytes"),
        ));
    };
    place.copy_from_slice(&result.to_le_bytes());
    values[0] = RawValue::ZERO;
    Ok(())
}

/// The result of a future that does not wait: the synchronous implementation blocks instead.
fn ready(future: impl Future<Output = wiggle::error::Result<i32>>) -> Outcome {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(outcome) => outcome,
        Poll::Pending => Err(wiggle::error::Error::msg("it would wait for an event loop")),
    }
}

/// The error number of an error that `wasi-common` gives none.
///
/// # Errors
/// A bad pointer traps, as the specification says, and so does what nobody foresaw.
fn errno(name: &str, error: &wiggle::error::Error) -> Result<i32, Stop> {
    if let Some(error) = error.downcast_ref::<io::Error>() {
        return Ok(system_errno(error) as i32);
    }
    let mut guest_error = error.downcast_ref::<GuestError>();
    while let Some(GuestError::InFunc { err, .. }) = guest_error {
        guest_error = Some(err);
    }
    match guest_error {
        Some(GuestError::InvalidEnumValue(_) | GuestError::InvalidFlagValue(_)) => {
            Ok(Errno::Inval as i32)
        }
        Some(GuestError::InvalidUtf8(_)) => Ok(Errno::Ilseq as i32),
        Some(GuestError::TryFromIntError(_)) => Ok(Errno::Overflow as i32),
        Some(GuestError::PtrOutOfBounds(region)) => Err(failed(
            name,
            &format_args!("pointer {:#x} is out of bounds for {} bytes", region.start, region.len),
        )),
        Some(GuestError::PtrNotAligned(region, align)) => Err(failed(
            name,
            &format_args!("pointer {:#x} is not aligned to {align} bytes", region.start),
        )),
        Some(error) => Err(failed(name, error)),
        None => Err(failed(name, error)),
    }
}

fn failed(name: &str, why: &dyn std::fmt::Display) -> Stop {
    Trap::new(TrapCode::Host, format!("`{name}`: {why}")).into()
}

/// Errors of the system for which WASI has a number but `wasi-common` no rule.
fn system_errno(error: &io::Error) -> Errno {
    use rustix::io::Errno as Host;
    match Host::from_io_error(error) {
        Some(Host::XDEV) => Errno::Xdev,
        Some(Host::ROFS) => Errno::Rofs,
        Some(Host::TXTBSY) => Errno::Txtbsy,
        Some(Host::NXIO) => Errno::Nxio,
        Some(Host::NODEV) => Errno::Nodev,
        Some(Host::NOSYS) => Errno::Nosys,
        Some(Host::NOTTY) => Errno::Notty,
        Some(Host::NOLCK) => Errno::Nolck,
        Some(Host::DEADLK) => Errno::Deadlk,
        Some(Host::DOM) => Errno::Dom,
        Some(Host::RANGE) => Errno::Range,
        _ => Errno::Io,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use wasi_common::Error;

    use super::*;
    use crate::Builder;

    #[test]
    fn every_function_is_there() {
        let functions = Builder::new().build().expect("nothing to open").functions();
        let names = |version| {
            let of_version = functions.iter().filter(|(module, ..)| module == version);
            of_version.map(|(_, name, _)| name.as_str()).collect::<HashSet<_>>()
        };
        assert_eq!(names("wasi_snapshot_preview1").len(), 46);
        assert_eq!(names("wasi_unstable").len(), 45);
        assert_eq!(functions.len(), 91, "no name comes twice");
    }

    #[track_caller]
    fn check_signature(name: &str, expected: &str) {
        let functions = Builder::new().build().expect("nothing to open").functions();
        let (.., function) = functions.iter().find(|(_, field, _)| field == name).expect("known");
        assert_eq!(function.ty.to_string(), expected, "{name}");
    }

    #[test]
    fn signatures() {
        check_signature("proc_exit", "(i32) -> ()");
        check_signature("sched_yield", "() -> (i32)");
        check_signature("fd_seek", "(i32, i64, i32, i32) -> (i32)");
        check_signature("path_open", "(i32, i32, i32, i32, i32, i64, i64, i32, i32) -> (i32)");
    }

    #[track_caller]
    fn check_errno(os_error: i32, expected: Errno) {
        let error = Error::from(io::Error::from_raw_os_error(os_error));
        let found = match error.downcast() {
            Ok(errno) => errno as i32,
            Err(trap) => errno("test", &trap).expect("it has a number"),
        };
        assert_eq!(found, expected as i32, "error {os_error} of the system");
    }

    #[test]
    fn errors_of_the_system_do_not_trap() {
        check_errno(rustix::io::Errno::NOENT.raw_os_error(), Errno::Noent);
        check_errno(rustix::io::Errno::PIPE.raw_os_error(), Errno::Pipe);
        check_errno(rustix::io::Errno::XDEV.raw_os_error(), Errno::Xdev);
        check_errno(rustix::io::Errno::ROFS.raw_os_error(), Errno::Rofs);
        check_errno(rustix::io::Errno::STALE.raw_os_error(), Errno::Stale);
        check_errno(rustix::io::Errno::NOTUNIQ.raw_os_error(), Errno::Io);
    }

    #[test]
    fn bad_pointers_trap() {
        let region = wiggle::Region { start: 0x1_0000, len: 8 };
        let error = GuestError::PtrOutOfBounds(region);
        let stop = errno("fd_write", &error.into()).expect_err("it traps");
        let expected = "wasm trap: host function failed: \
                        `fd_write`: pointer 0x10000 is out of bounds for 8 bytes";
        assert_eq!(stop.to_string(), expected);
    }
}
