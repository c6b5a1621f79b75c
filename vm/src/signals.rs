//! Traps arrive as signals: a fault in compiled code leaves wasm; any other goes to whoever
//! handled it before.

use std::cell::Cell;
use std::io;
use std::mem::MaybeUninit;
use std::ptr;
use std::sync::OnceLock;

use crate::departure::{self, Fault};
use crate::entry::{FAULTED, land};
use crate::error::Error;
use crate::reservation::{Access, Reservation};

/// The signals that compiled code raises (bad access, `ud2`, division), and the one that others
/// send to stop it.
const SIGNALS: [i32; 5] =
    [libc::SIGSEGV, libc::SIGBUS, libc::SIGILL, libc::SIGFPE, crate::interrupt::SIGNAL];

/// Bytes for the handler's own stack, without its guard page.
const HANDLER_STACK_BYTES: usize = 64 * 1024;

thread_local! {
    /// The kernel's id of this thread, once it is prepared for traps; 0 before.
    static THREAD: Cell<i32> = const { Cell::new(0) };
}

static PREVIOUS: OnceLock<[libc::sigaction; SIGNALS.len()]> = OnceLock::new();

/// Prepares this process and this thread for traps. Gives the kernel's id of the thread.
#[inline]
pub(crate) fn install() -> Result<i32, Error> {
    match THREAD.get() {
        0 => install_on_thread(),
        thread => Ok(thread),
    }
}

#[cold]
fn install_on_thread() -> Result<i32, Error> {
    PREVIOUS.get_or_init(|| SIGNALS.map(install_one));
    install_handler_stack()?;
    // SAFETY: has no preconditions.
    THREAD.set(unsafe { libc::gettid() });
    Ok(THREAD.get())
}

fn install_one(signal: i32) -> libc::sigaction {
    let mut previous = MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: all bits zero is a valid `sigaction`; its fields are set below.
    let mut action = unsafe { MaybeUninit::<libc::sigaction>::zeroed().assume_init() };
    action.sa_sigaction = handle as *const () as usize;
    action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
    // Whoever asks wasm to stop may ask faster than the handler ends: it must not pile up on its stack.
    if signal != crate::interrupt::SIGNAL {
        action.sa_flags |= libc::SA_NODEFER;
    }
    // SAFETY: `action` is complete, `previous` has room for one, and `handle` does only what is
    // allowed in a handler: it reads an atomic, compares, reads wasm's stack, and writes to the
    // place that is the process's and to the frame that the kernel gave it.
    let status = unsafe {
        libc::sigemptyset(&raw mut action.sa_mask);
        libc::sigaction(signal, &raw const action, previous.as_mut_ptr())
    };
    assert_eq!(status, 0, "cannot handle signal {signal}: {}", io::Error::last_os_error());
    // SAFETY: zeroed above, and filled by a successful `sigaction`.
    unsafe { previous.assume_init() }
}

/// Gives this thread a stack for the handler: the guest's own may be what overflowed.
fn install_handler_stack() -> Result<(), Error> {
    let page = crate::reservation::PAGE_BYTES;
    let reservation = Reservation::new(page + HANDLER_STACK_BYTES, "signal stack")?;
    reservation.set_access(page, HANDLER_STACK_BYTES, Access::ReadWrite)?;
    let stack = libc::stack_t {
        ss_sp: reservation.pointer(page).cast(),
        ss_flags: 0,
        ss_size: HANDLER_STACK_BYTES,
    };
    // SAFETY: the range is mapped and writable, and stays so: it is leaked below, since the thread
    // may get a signal until its very end.
    let status = unsafe { libc::sigaltstack(&raw const stack, ptr::null_mut()) };
    if status != 0 {
        return Err(Error::Map {
            what: "signal stack",
            bytes: HANDLER_STACK_BYTES,
            source: io::Error::last_os_error(),
        });
    }
    std::mem::forget(reservation);
    Ok(())
}

/// The handler of all `SIGNALS`.
unsafe extern "C" fn handle(signal: i32, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    let context = context.cast::<libc::ucontext_t>();
    // SAFETY: the kernel hands a valid, exclusive frame to an `SA_SIGINFO` handler.
    let registers = unsafe { &mut (*context).uc_mcontext.gregs };
    let pc = registers[libc::REG_RIP as usize] as usize;
    let departure = departure::at(pc);
    if departure.is_null() {
        return chain(signal, info, context.cast());
    }
    // SAFETY: it is found by the text that this thread runs in, so the process that it belongs to
    // runs wasm, and nobody but this handler uses its departure until wasm is left.
    let departure = unsafe { &mut *departure };
    let Some(entry_fp) = departure.entry_fp() else {
        return chain(signal, info, context.cast());
    };
    if signal == crate::interrupt::SIGNAL && !departure.take_interrupt() {
        return;
    }
    departure.fault = Fault {
        pc,
        fp: registers[libc::REG_RBP as usize] as usize,
        sp: registers[libc::REG_RSP as usize] as usize,
        // SAFETY: the kernel fills `siginfo_t` for these signals, with an address.
        address: unsafe { (*info).si_addr() } as usize,
        signal,
    };
    departure.note_chain((departure.fault.fp, pc), departure.fault.sp);
    // Compiled code owns nothing and holds no lock, so its frames may simply be left.
    registers[libc::REG_RSP as usize] = (entry_fp - 8) as i64;
    registers[libc::REG_R11 as usize] = FAULTED as i64;
    registers[libc::REG_RIP as usize] = land as *const () as i64;
}

/// Hands a signal that is not ours to the handler that was there before.
fn chain(signal: i32, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    let position = SIGNALS.iter().position(|known| *known == signal);
    let previous = PREVIOUS.get().zip(position).map(|(all, position)| all[position]);
    let handler = previous.map_or(libc::SIG_DFL, |previous| previous.sa_sigaction);
    let is_request = signal == crate::interrupt::SIGNAL;
    if handler == libc::SIG_IGN || is_request && handler == libc::SIG_DFL {
        // Ignored by default: the host function that it met goes on.
        return;
    }
    if handler == libc::SIG_DFL {
        // The instruction runs again when we return and then ends the process as it would have.
        // SAFETY: restoring the default action is allowed in a handler.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
        return;
    }
    if previous.is_some_and(|previous| previous.sa_flags & libc::SA_SIGINFO != 0) {
        type Handler = unsafe extern "C" fn(i32, *mut libc::siginfo_t, *mut libc::c_void);
        // SAFETY: `SA_SIGINFO` says that the address is a function of this type; it gets what the
        // kernel gave us.
        unsafe { std::mem::transmute::<usize, Handler>(handler)(signal, info, context) };
    } else {
        // SAFETY: without `SA_SIGINFO` the address is a function that takes the signal's number.
        unsafe { std::mem::transmute::<usize, unsafe extern "C" fn(i32)>(handler)(signal) };
    }
}
