//! Stopping wasm from another thread. Compiled code asks nothing and pays nothing: a signal takes
//! the thread out of it wherever it is.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};

use crate::parking::Waiter;

/// The signal: ignored unless handled, and used by no C library.
pub(crate) const SIGNAL: i32 = libc::SIGURG;

/// Interrupts the wasm of one process, from any thread.
#[derive(Clone, Debug, Default)]
pub struct Interrupter {
    state: Arc<State>,
}

#[derive(Debug, Default)]
struct State {
    is_requested: AtomicBool,
    /// The kernel's id of the thread that runs wasm, or 0. It is read without a lock, so the thread
    /// may have left or ended when it is signalled: that is in order, see [`Interrupter::remind`].
    thread: AtomicI32,
    /// What `memory.atomic.wait` sleeps on.
    waiter: Arc<Waiter>,
}

impl Interrupter {
    /// Asks wasm to stop with `TrapCode::Interrupted`: at once if it runs, else at its next entry.
    /// `memory.atomic.wait` ends too. A thread inside a host function is not taken out of it, though
    /// a system call that waits is ended early: [`Interrupter::remind`] it until
    /// [`Interrupter::is_pending`] says no.
    pub fn interrupt(&self) {
        self.state.is_requested.store(true, Ordering::SeqCst);
        self.remind();
    }

    /// Signals the thread once more if the request is still pending.
    pub fn remind(&self) {
        if !self.is_pending() {
            return;
        }
        self.state.waiter.nudge();
        let thread = self.state.thread.load(Ordering::SeqCst);
        if thread != 0 {
            // SAFETY: `tgkill` takes any numbers. It reaches a thread of this very program or none,
            // unlike `pthread_kill`, which must be given one that lives. `SIGNAL` has a handler
            // since a thread entered wasm, and one that has no request for the thread ignores it.
            unsafe { libc::syscall(libc::SYS_tgkill, libc::getpid(), thread, SIGNAL) };
        }
    }

    /// Whether an interruption was asked for and has not happened.
    #[must_use]
    #[inline]
    pub fn is_pending(&self) -> bool {
        self.state.is_requested.load(Ordering::SeqCst)
    }

    /// What the thread sleeps on in `memory.atomic.wait`.
    pub(crate) fn waiter(&self) -> &Arc<Waiter> {
        &self.state.waiter
    }

    /// What the signal handler looks at.
    pub(crate) fn flag(&self) -> *const AtomicBool {
        &raw const self.state.is_requested
    }

    /// Takes the request, if there is one.
    #[cold]
    pub(crate) fn take(&self) -> bool {
        self.state.is_requested.swap(false, Ordering::SeqCst)
    }

    /// Makes this thread the one to signal; `thread` is the kernel's id of it.
    #[inline]
    pub(crate) fn enter(&self, thread: i32) {
        self.state.thread.store(thread, Ordering::Release);
    }

    /// This thread is signalled no more.
    #[inline]
    pub(crate) fn leave(&self) {
        self.state.thread.store(0, Ordering::Release);
    }
}
