//! `memory.atomic.wait` and `memory.atomic.notify`: threads that wait at an address, longest
//! waiting first.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::code::TrapCode;
use crate::instance::MemoryId;
use crate::interrupt::Interrupter;
use crate::process::Process;
use crate::trap::Stop;

/// How many queues there are: addresses are spread over them, so that threads that wait at
/// different addresses seldom meet at a lock.
const QUEUES: usize = 64;

static TABLE: [Mutex<Vec<Parked>>; QUEUES] = [const { Mutex::new(Vec::new()) }; QUEUES];

/// A thread in a queue.
#[derive(Debug)]
struct Parked {
    address: usize,
    waiter: Arc<Waiter>,
    /// Tells this wait from others of the same waiter.
    ticket: u64,
}

/// What a thread sleeps on. Locked after a queue, never before.
#[derive(Debug, Default)]
pub(crate) struct Waiter {
    is_woken: Mutex<bool>,
    condvar: Condvar,
}

impl Waiter {
    /// Makes the thread that waits look up: it was asked to stop.
    pub(crate) fn nudge(&self) {
        let _is_woken = lock(&self.is_woken);
        self.condvar.notify_all();
    }

    fn wake(&self) {
        *lock(&self.is_woken) = true;
        self.condvar.notify_all();
    }

    /// Sleeps until woken (true), or until the deadline or a request to stop (false).
    fn sleep(&self, deadline: Option<Instant>, interrupter: &Interrupter) -> bool {
        let mut is_woken = lock(&self.is_woken);
        while !*is_woken && !interrupter.is_pending() {
            is_woken = match deadline {
                None => self.condvar.wait(is_woken).unwrap_or_else(PoisonError::into_inner),
                Some(deadline) => {
                    let Some(left) = deadline.checked_duration_since(Instant::now()) else {
                        return false;
                    };
                    let slept = self.condvar.wait_timeout(is_woken, left);
                    slept.unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
        *is_woken
    }
}

/// How a wait ends; the number is what wasm gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum Wake {
    /// Somebody notified it.
    Notified = 0,
    /// The memory did not hold what was expected.
    NotEqual = 1,
    /// Nobody did in time.
    TimedOut = 2,
}

/// What a wait expects in memory.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Expected {
    I32(u32),
    I64(u64),
}

/// Waits at `address` if `is_expected` says so while nobody can notify.
fn park(
    address: usize,
    interrupter: &Interrupter,
    timeout: Option<Duration>,
    is_expected: impl FnOnce() -> bool,
) -> Wake {
    static TICKETS: AtomicU64 = AtomicU64::new(0);
    // A deadline that the clock cannot tell is none.
    let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
    let waiter = interrupter.waiter();
    let ticket = TICKETS.fetch_add(1, Ordering::Relaxed);
    {
        let mut queue = queue(address);
        if !is_expected() {
            return Wake::NotEqual;
        }
        *lock(&waiter.is_woken) = false;
        queue.push(Parked { address, waiter: Arc::clone(waiter), ticket });
    }
    if waiter.sleep(deadline, interrupter) {
        return Wake::Notified;
    }
    let mut queue = queue(address);
    match queue.iter().position(|parked| parked.ticket == ticket) {
        Some(position) => {
            queue.remove(position);
            Wake::TimedOut
        }
        // Somebody took it out between the sleep and the lock.
        None => Wake::Notified,
    }
}

/// Wakes up to `count` of the threads that wait at `address`; gives how many there were.
fn unpark(address: usize, count: u32) -> u32 {
    let mut woken = 0;
    queue(address).retain(|parked| {
        if woken == count || parked.address != address {
            return true;
        }
        parked.waiter.wake();
        woken += 1;
        false
    });
    woken
}

fn queue(address: usize) -> MutexGuard<'static, Vec<Parked>> {
    // Waited-for words are at least 4 bytes apart, and often on cache lines of their own.
    let hash = (address >> 2) ^ (address >> 6) ^ (address >> 12);
    lock(&TABLE[hash % QUEUES])
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Process {
    /// `memory.atomic.wait`: a negative timeout is none.
    pub(crate) fn memory_wait(
        &mut self,
        id: MemoryId,
        at: u64,
        expected: Expected,
        timeout_ns: i64,
    ) -> Result<Wake, Stop> {
        let size = match expected {
            Expected::I32(_) => 4,
            Expected::I64(_) => 8,
        };
        let address = self.word_address(id, at, size)?;
        let timeout = u64::try_from(timeout_ns).ok().map(Duration::from_nanos);
        let at = at as usize;
        let is_expected = || match (self.memories[id.0 as usize].as_ref(), expected) {
            (None, expected) => {
                let bytes = &self.memory()[at..];
                match expected {
                    Expected::I32(value) => bytes.starts_with(&value.to_le_bytes()),
                    Expected::I64(value) => bytes.starts_with(&value.to_le_bytes()),
                }
            }
            (Some(memory), expected) => {
                let memory = memory.as_shared().expect("code waits at shared memories only");
                match expected {
                    Expected::I32(value) => memory.load_u32(at) == value,
                    Expected::I64(value) => memory.load_u64(at) == value,
                }
            }
        };
        let wake = park(address, &self.interrupter, timeout, is_expected);
        if wake == Wake::TimedOut && self.interrupter.take() {
            return Err(TrapCode::Interrupted.into());
        }
        Ok(wake)
    }

    /// `memory.atomic.notify`
    pub(crate) fn memory_notify(&self, id: MemoryId, at: u64, count: u32) -> Result<u32, Stop> {
        Ok(unpark(self.word_address(id, at, 4)?, count))
    }

    /// Where a word of `size` bytes is in the host, if it is aligned and inside.
    fn word_address(&self, id: MemoryId, at: u64, size: u64) -> Result<usize, Stop> {
        if !at.is_multiple_of(size) {
            return Err(TrapCode::UnalignedAtomic.into());
        }
        let (base, len) = match self.memories[id.0 as usize].as_ref() {
            None => (self.space.pinned(), self.space.memory_len_bytes()),
            Some(memory) => (memory.base(), memory.len_bytes()),
        };
        match at.checked_add(size) {
            Some(end) if end <= len as u64 => Ok(base + at as usize),
            _ => Err(TrapCode::MemoryOutOfBounds.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::thread;
    use std::time::Duration;

    use super::{Wake, park, unpark};
    use crate::interrupt::Interrupter;

    const LONG: Option<Duration> = Some(Duration::from_secs(100));

    /// Notifies one thread at `address`, as soon as one is there.
    fn notify_one(address: usize) {
        while unpark(address, 1) == 0 {
            thread::yield_now();
        }
    }

    #[test]
    fn notified_by_address_only() {
        let parked = thread::spawn(|| park(0x1000, &Interrupter::default(), LONG, || true));
        assert_eq!(unpark(0x1004, 9), 0);
        // The same queue, another address.
        assert_eq!(unpark(0x1000 ^ (0x41 << 12), 9), 0);
        notify_one(0x1000);
        assert_eq!(parked.join().unwrap(), Wake::Notified);
        assert_eq!(unpark(0x1000, 9), 0);
    }

    #[test]
    fn not_expected_does_not_wait() {
        assert_eq!(park(0x2000, &Interrupter::default(), None, || false), Wake::NotEqual);
        assert_eq!(unpark(0x2000, 1), 0);
    }

    #[test]
    fn timeout_leaves_the_queue() {
        let interrupter = Interrupter::default();
        for timeout in [Duration::ZERO, Duration::from_millis(1)] {
            assert_eq!(park(0x3000, &interrupter, Some(timeout), || true), Wake::TimedOut);
        }
        assert_eq!(unpark(0x3000, 1), 0);
    }

    #[test]
    fn request_to_stop_ends_a_wait_without_timeout() {
        let interrupter = Interrupter::default();
        let parked = {
            let interrupter = interrupter.clone();
            thread::spawn(move || park(0x4000, &interrupter, None, || true))
        };
        interrupter.interrupt();
        assert_eq!(parked.join().unwrap(), Wake::TimedOut);
        assert!(interrupter.is_pending());
    }

    #[test]
    fn longest_waiting_is_first() {
        let interrupter = Interrupter::default();
        let order = std::sync::Mutex::new(Vec::new());
        thread::scope(|scope| {
            for number in 0..3 {
                let (interrupter, order) = (Interrupter::default(), &order);
                let (sender, receiver) = std::sync::mpsc::channel();
                scope.spawn(move || {
                    // Sent under the queue's lock: who waits next comes behind.
                    park(0x5000, &interrupter, LONG, || sender.send(()).is_ok());
                    order.lock().unwrap().push(number);
                });
                receiver.recv().unwrap();
            }
            for woken in 1..=3 {
                notify_one(0x5000);
                while order.lock().unwrap().len() < woken {
                    thread::yield_now();
                }
            }
        });
        assert_eq!(*order.lock().unwrap(), [0, 1, 2]);
        assert!(!interrupter.is_pending());
    }
}
