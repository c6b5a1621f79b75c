//! How a call into wasm ends other than by returning.

use std::fmt;
use std::sync::Arc;

use crate::code::TrapCode;
use crate::types::FuncIndex;

/// How a call ends other than by returning.
#[derive(Debug)]
#[non_exhaustive]
pub enum Stop {
    /// The guest asked to exit with this status.
    Exit(u32),
    /// The guest failed.
    Trap(Box<Trap>),
    /// The guest threw an exception that nobody caught so far. A host function that returns it
    /// passes it on.
    Exception {
        /// The exception; the host holds a reference to it.
        handle: u32,
        /// What it is if nobody catches it, and where it was thrown.
        trap: Box<Trap>,
    },
}

/// A guest's failure.
#[derive(Debug)]
pub struct Trap {
    /// Why.
    pub code: TrapCode,
    /// What exactly, where more is known.
    pub detail: Option<String>,
    /// Where, innermost frame first.
    pub backtrace: Vec<Frame>,
    /// How many outer frames `backtrace` leaves out.
    pub frames_omitted: usize,
}

/// A wasm function that was running.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Name of its instance.
    pub dso: Arc<str>,
    /// Name of the function.
    pub function: String,
    /// Index of the function in its module.
    pub func: FuncIndex,
    /// Distance in bytes of wasm from the start of the function's body.
    pub offset_in_function: u32,
    /// Offset in the module's bytes, for DWARF and `objdump`.
    pub wasm_offset: u32,
}

impl Trap {
    /// A trap raised by the host; the backtrace is added where it meets wasm.
    #[must_use]
    pub fn new(code: TrapCode, detail: impl Into<String>) -> Self {
        Trap { code, detail: Some(detail.into()), backtrace: Vec::new(), frames_omitted: 0 }
    }
}

impl From<Trap> for Stop {
    fn from(trap: Trap) -> Self {
        Stop::Trap(Box::new(trap))
    }
}

impl From<TrapCode> for Stop {
    fn from(code: TrapCode) -> Self {
        Stop::Trap(Box::new(Trap { code, detail: None, backtrace: Vec::new(), frames_omitted: 0 }))
    }
}

impl fmt::Display for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}!{}+{:#x}", self.dso, self.function, self.offset_in_function)
    }
}

impl fmt::Display for Trap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "wasm trap: {}", self.code.message())?;
        if let Some(detail) = &self.detail {
            write!(f, ": {detail}")?;
        }
        for (depth, frame) in self.backtrace.iter().enumerate() {
            write!(f, "\n  #{depth} {frame}")?;
        }
        if self.frames_omitted > 0 {
            write!(f, "\n  … and {} more", self.frames_omitted)?;
        }
        Ok(())
    }
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Stop::Exit(status) => write!(f, "exit status {status}"),
            Stop::Trap(trap) | Stop::Exception { trap, .. } => trap.fmt(f),
        }
    }
}

impl std::error::Error for Stop {}
impl std::error::Error for Trap {}
