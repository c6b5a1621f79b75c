//! Stopping wasm from another thread. Compiled code asks nothing and pays nothing: a signal takes
//! the thread out of it wherever it is.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

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
    /// The thread that runs wasm. A thread is signalled only while this lock is held, and leaves
    /// this field before it can end.
    thread: Mutex<Option<libc::pthread_t>>,
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
        let thread = self.state.thread.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(thread) = *thread {
            // SAFETY: the thread is alive, since it takes itself out of `thread` before it ends
            // and the lock is held; `SIGNAL` has a handler since it entered wasm.
            unsafe { libc::pthread_kill(thread, SIGNAL) };
        }
    }

    /// Whether an interruption was asked for and has not happened.
    #[must_use]
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
    pub(crate) fn take(&self) -> bool {
        self.state.is_requested.swap(false, Ordering::SeqCst)
    }

    /// Makes this thread the one to signal.
    pub(crate) fn enter(&self) {
        // SAFETY: has no preconditions.
        let this = unsafe { libc::pthread_self() };
        *self.state.thread.lock().unwrap_or_else(PoisonError::into_inner) = Some(this);
    }

    /// This thread is signalled no more.
    pub(crate) fn leave(&self) {
        *self.state.thread.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}
