//! System calls of Linux, as far as a C library of the older dialects needs them to run: to print
//! and read, to get memory, to exit. They stand on the functions of WASI, so a guest reaches
//! nothing through them that it was not granted.

mod files;
pub(crate) mod memory;
mod wasi;

use std::sync::Mutex;

use dynvm_vm::{Process, Stop};

use crate::linker::Linker;

/// Error numbers of Linux that stand here without a number of WASI.
pub(crate) mod errno {
    pub(crate) const ENOMEM: u32 = 12;
    pub(crate) const EFAULT: u32 = 14;
    pub(crate) const EINVAL: u32 = 22;
    pub(crate) const ENOTTY: u32 = 25;
    pub(crate) const ENOENT: u32 = 2;
    pub(crate) const ERANGE: u32 = 34;
    pub(crate) const ENOSYS: u32 = 38;
}

/// What a system call gives: a number, or the number of an error.
pub(crate) type Outcome = Result<Result<u32, u32>, Stop>;

/// Where a system call happens.
pub(crate) struct Kernel<'a> {
    pub(crate) linker: &'a Mutex<Linker>,
    pub(crate) process: &'a mut Process,
}

type Handler = fn(&mut Kernel<'_>, [u32; 6]) -> Outcome;

/// A system call: its name, its number on i386 and on x86-64 (`NONE` where it has none), and what
/// it does.
type Entry = (&'static str, u32, u32, Handler);

/// No number.
const NONE: u32 = u32::MAX;

/// Every system call that there is.
const TABLE: [Entry; 54] = [
    ("read", 3, 0, files::read),
    ("write", 4, 1, files::write),
    ("open", 5, 2, files::open),
    ("close", 6, 3, files::close),
    ("lseek", 19, 8, files::lseek),
    ("_llseek", 140, NONE, files::llseek),
    ("pread64", 180, 17, files::pread),
    ("pwrite64", 181, 18, files::pwrite),
    ("readv", 145, 19, files::readv),
    ("writev", 146, 20, files::writev),
    ("openat", 295, 257, files::openat),
    ("access", 33, 21, files::access),
    ("unlink", 10, 87, files::unlink),
    ("unlinkat", 301, 263, files::unlinkat),
    ("mkdir", 39, 83, files::mkdir),
    ("mkdirat", 296, 258, files::mkdirat),
    ("rmdir", 40, 84, files::rmdir),
    ("rename", 38, 82, files::rename),
    ("fsync", 118, 74, files::fsync),
    ("ftruncate", 93, 77, files::ftruncate),
    ("ioctl", 54, 16, files::ioctl),
    ("ioctl_p", NONE, NONE, files::ioctl),
    ("fcntl", 55, 72, files::fcntl),
    ("fcntl64", 221, NONE, files::fcntl),
    ("fcntl_v", NONE, NONE, files::fcntl),
    ("fcntl_i", NONE, NONE, files::fcntl),
    ("fcntl_p", NONE, NONE, files::fcntl),
    ("getcwd", 183, 79, files::getcwd),
    ("brk", 45, 12, memory::brk),
    ("sbrk", NONE, NONE, memory::sbrk),
    ("mmap", 90, 9, memory::mmap),
    ("mmap2", 192, NONE, memory::mmap2),
    ("munmap", 91, 11, memory::munmap),
    ("exit", 1, 60, exit),
    ("exit_group", 252, 231, exit),
    ("sched_yield", 158, 24, |_, _| Ok(Ok(0))),
    ("getpid", 20, 39, |_, _| Ok(Ok(1))),
    ("gettid", 224, 186, |_, _| Ok(Ok(1))),
    ("getppid", 64, 110, |_, _| Ok(Ok(1))),
    ("set_tid_address", 258, 218, |_, _| Ok(Ok(1))),
    ("getuid", 24, 102, |_, _| Ok(Ok(0))),
    ("getgid", 47, 104, |_, _| Ok(Ok(0))),
    ("geteuid", 49, 107, |_, _| Ok(Ok(0))),
    ("getegid", 50, 108, |_, _| Ok(Ok(0))),
    ("getuid32", 199, NONE, |_, _| Ok(Ok(0))),
    ("getgid32", 200, NONE, |_, _| Ok(Ok(0))),
    ("geteuid32", 201, NONE, |_, _| Ok(Ok(0))),
    ("getegid32", 202, NONE, |_, _| Ok(Ok(0))),
    // No signal ever comes: handlers and masks can be anything.
    ("rt_sigaction", 174, 13, |_, _| Ok(Ok(0))),
    ("rt_sigprocmask", 175, 14, |_, _| Ok(Ok(0))),
    ("time", 13, 201, files::time),
    ("gettimeofday", 78, 96, files::gettimeofday),
    ("clock_gettime", 265, 228, files::clock_gettime),
    ("getrandom", 355, 318, files::getrandom),
];

/// Whose numbers a guest counts by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Numbers {
    /// i386's, as the `musl` of the `wasm.js` experiment.
    I386,
    /// x86-64's, as the C library of `dyninfo` programs.
    X86_64,
}

/// The system call with a number. The result is as Linux gives it: errors are negative.
pub(crate) fn call(
    linker: &Mutex<Linker>,
    process: &mut Process,
    numbers: Numbers,
    number: u32,
    args: [u32; 6],
) -> Result<u32, Stop> {
    let entry = TABLE.iter().find(|(_, i386, x86_64, _)| {
        let own = if numbers == Numbers::I386 { *i386 } else { *x86_64 };
        own == number && own != NONE
    });
    run(linker, process, entry, &|| format!("system call {number}"), args)
}

/// Whether there is a system call with a name.
pub(crate) fn has_name(name: &str) -> bool {
    TABLE.iter().any(|entry| entry.0 == name)
}

/// The system call with a name; `None` if there is none.
pub(crate) fn call_by_name(
    linker: &Mutex<Linker>,
    process: &mut Process,
    name: &str,
    args: [u32; 6],
) -> Option<Result<u32, Stop>> {
    let entry = TABLE.iter().find(|entry| entry.0 == name)?;
    Some(run(linker, process, Some(entry), &|| name.to_owned(), args))
}

fn run(
    linker: &Mutex<Linker>,
    process: &mut Process,
    entry: Option<&Entry>,
    shown: &dyn Fn() -> String,
    args: [u32; 6],
) -> Result<u32, Stop> {
    let Some((_, _, _, handler)) = entry else {
        tracing::debug!(target: "dynvm::symbols", "{}: there is no such thing", shown());
        return Ok(errno::ENOSYS.wrapping_neg());
    };
    let outcome = handler(&mut Kernel { linker, process }, args)?;
    Ok(outcome.unwrap_or_else(u32::wrapping_neg))
}

/// Most bytes that [`print`] takes.
pub(crate) const TEXT_BYTES_MAX: usize = 2048;

/// Writes a text of the loader's to standard output; what cannot be written is lost.
pub(crate) fn print(kernel: &mut Kernel<'_>, text: &[u8]) -> Result<(), Stop> {
    // The lower half of the scratch memory is for what the call itself needs.
    let Ok(scratch) = kernel.scratch() else { return Ok(()) };
    let (mut at, mut left) = (scratch + TEXT_BYTES_MAX as u32, text.len() as u32);
    if kernel.put(at, text).is_err() {
        return Ok(());
    }
    while left > 0 {
        match files::write(kernel, [1, at, left, 0, 0, 0])? {
            Ok(done) if done > 0 => (at, left) = (at + done.min(left), left - done.min(left)),
            _ => return Ok(()),
        }
    }
    Ok(())
}

fn exit(_: &mut Kernel<'_>, args: [u32; 6]) -> Outcome {
    Err(Stop::Exit(args[0] & 0xff))
}

#[cfg(test)]
mod tests {
    use super::{NONE, TABLE};

    /// A number that stood twice would hide a system call.
    #[test]
    fn names_and_numbers_are_those_of_one_call() {
        for (position, (name, i386, x86_64, _)) in TABLE.iter().enumerate() {
            let others = || TABLE[position + 1..].iter();
            assert!(others().all(|other| other.0 != *name), "{name}");
            assert!(*i386 == NONE || others().all(|other| other.1 != *i386), "{name}: {i386}");
            assert!(
                *x86_64 == NONE || others().all(|other| other.2 != *x86_64),
                "{name}: {x86_64}"
            );
        }
    }
}
