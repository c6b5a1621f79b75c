//! The two clocks of CPU time, which `wasi-common` leaves out and C libraries ask for.

use dynvm_vm::value::RawValue;
use rustix::time::{ClockId, Timespec, clock_getres, clock_gettime};

/// The host's clock for a clock id of WASI that is served here.
pub(crate) fn cpu_clock(values: &[RawValue]) -> Option<ClockId> {
    match values.first()?.u32() {
        2 => Some(ClockId::ProcessCPUTime),
        3 => Some(ClockId::ThreadCPUTime),
        _ => None,
    }
}

/// Time used so far, in nanoseconds.
pub(crate) fn now(clock: ClockId) -> u64 {
    nanoseconds(clock_gettime(clock))
}

/// What the clock can tell apart, in nanoseconds.
pub(crate) fn resolution(clock: ClockId) -> u64 {
    nanoseconds(clock_getres(clock))
}

fn nanoseconds(time: Timespec) -> u64 {
    time.tv_sec.cast_unsigned().wrapping_mul(1_000_000_000) + time.tv_nsec.cast_unsigned()
}
