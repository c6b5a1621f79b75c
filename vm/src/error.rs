//! Why the runtime could not do what the host asked.

use std::fmt;
use std::io;

use crate::types::{FuncType, GlobalType};

/// Why the runtime refused.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The operating system gave no address space or no memory.
    Map {
        /// What it was for.
        what: &'static str,
        /// How much was asked for.
        bytes: usize,
        /// What the system said.
        source: io::Error,
    },
    /// A memory would grow past its limit.
    MemoryLimit {
        /// Length asked for, in bytes.
        wanted_bytes: u64,
        /// Limit in bytes.
        limit_bytes: u64,
    },
    /// A table would grow past its limit.
    TableLimit {
        /// Length asked for, in elements.
        wanted: u64,
        /// Limit in elements.
        limit: u64,
    },
    /// A table index is not below the table's length.
    TableIndex {
        /// The index.
        index: u64,
        /// The length.
        len: u64,
    },
    /// All of a fixed-size space is used.
    Exhausted {
        /// What there are too many of.
        what: &'static str,
        /// How many there can be.
        limit: u64,
    },
    /// An import was given something of another kind.
    ImportKind {
        /// `module.field`
        import: String,
        /// What the module asks for.
        expected: &'static str,
        /// What was given.
        found: &'static str,
    },
    /// An imported function has another type.
    ImportFuncType {
        /// `module.field`
        import: String,
        /// What the importing module says.
        expected: FuncType,
        /// What the definition says.
        found: FuncType,
    },
    /// An imported global has another type.
    ImportGlobalType {
        /// `module.field`
        import: String,
        /// What the importing module says.
        expected: GlobalType,
        /// What the definition says.
        found: GlobalType,
    },
    /// An imported table or memory is too small, may grow too far or is of another kind.
    ImportLimits {
        /// `module.field`
        import: String,
        /// What the module asks for.
        expected: String,
        /// What was given.
        found: String,
    },
    /// The host asks for a function by a type that is not its own.
    TypedFunc {
        /// `dso!function`
        func: String,
        /// What the host asks for.
        expected: FuncType,
        /// What the function is; `None` if it does not exist.
        found: Option<FuncType>,
    },
    /// The garbage-collected heap has no room for what an initial value makes.
    Heap {
        /// What exactly.
        message: String,
    },
    /// The compiled code refers to a function that has no code.
    Unlinked {
        /// The function that has none.
        callee: String,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Map { what, bytes, .. } => {
                write!(f, "cannot map {bytes} bytes of address space for the {what}")
            }
            Error::MemoryLimit { wanted_bytes, limit_bytes } => write!(
                f,
                "memory of {wanted_bytes} bytes is too large: the limit is {limit_bytes} bytes"
            ),
            Error::TableLimit { wanted, limit } => {
                write!(f, "table of {wanted} elements is too large: the limit is {limit}")
            }
            Error::TableIndex { index, len } => {
                write!(f, "table index {index} is out of range: the table has {len} elements")
            }
            Error::Exhausted { what, limit } => {
                write!(f, "too many {what}: the limit is {limit}")
            }
            Error::ImportKind { import, expected, found } => {
                write!(f, "import `{import}`: expected a {expected}, found a {found}")
            }
            Error::ImportFuncType { import, expected, found } => {
                write!(f, "import `{import}`: expected type {expected}, found {found}")
            }
            Error::ImportGlobalType { import, expected, found } => {
                write!(f, "import `{import}`: expected a global of type {expected}, found {found}")
            }
            Error::ImportLimits { import, expected, found } => {
                write!(f, "import `{import}`: expected {expected}, found {found}")
            }
            Error::TypedFunc { func, expected, found: Some(found) } => {
                write!(f, "`{func}`: expected type {expected}, found {found}")
            }
            Error::TypedFunc { func, expected, found: None } => {
                write!(f, "`{func}`: expected type {expected}, found no function")
            }
            Error::Heap { message } => write!(f, "an initial value cannot be made: {message}"),
            Error::Unlinked { callee } => {
                write!(f, "function `{callee}` is called but has no code")
            }
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Error::Map { source, .. } => Some(source),
            _ => None,
        }
    }
}
