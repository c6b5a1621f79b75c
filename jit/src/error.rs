//! What can go wrong between the bytes of a module and its machine code.

use std::error::Error;
use std::fmt;

/// Why bytes are not a module that can be compiled.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DecodeError {
    /// The bytes do not start as a WebAssembly file does.
    NotWasm {
        /// It is what a library of the host is: native code.
        is_elf: bool,
    },
    /// The bytes are a component, which wraps modules.
    Component,
    /// The bytes are a module of a version other than 1.
    Version {
        /// The version in the header.
        found: u32,
    },
    /// The module is malformed or does not validate.
    Invalid {
        /// Where, in bytes from the start of the file.
        offset: u64,
        /// What the validator says.
        message: String,
    },
    /// The module is valid but uses something that cannot be compiled yet.
    Unsupported {
        /// What it uses.
        feature: Feature,
        /// The function that uses it, if a function does.
        function: Option<String>,
        /// Where, in bytes from the start of the file.
        offset: u64,
    },
}

/// A part of WebAssembly that modules can use and this version cannot compile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Feature {
    /// `try_table`, `throw` and the older `try`, `catch`, …
    ExceptionHandling,
    /// Anything younger.
    Other,
}

impl fmt::Display for Feature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Feature::ExceptionHandling => "exception handling",
            Feature::Other => "an instruction of an unfinished proposal",
        })
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DecodeError::NotWasm { is_elf: false } => f.write_str("not a WebAssembly module"),
            DecodeError::NotWasm { is_elf: true } => {
                f.write_str("not a WebAssembly module but an ELF file, native code")
            }
            DecodeError::Component => {
                f.write_str("a WebAssembly component, where a module is expected")
            }
            DecodeError::Version { found } => {
                write!(f, "unknown binary version: expected 1, found {found:#x}")
            }
            DecodeError::Invalid { offset, message } => {
                write!(f, "invalid module: {message} (at offset {offset:#x})")
            }
            DecodeError::Unsupported { feature, function, .. } => {
                match function {
                    Some(name) => write!(f, "function `{name}` ")?,
                    None => f.write_str("the module ")?,
                }
                write!(f, "uses {feature}, which this version does not support yet")
            }
        }
    }
}

impl Error for DecodeError {}

impl From<wasmparser::Error> for DecodeError {
    fn from(error: wasmparser::Error) -> Self {
        DecodeError::Invalid { offset: error.offset(), message: error.message().to_owned() }
    }
}

/// Why a valid module has no machine code.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CompileError {
    /// The processor lacks an instruction set that the code relies on.
    Processor {
        /// Its name.
        missing: &'static str,
    },
    /// A function is beyond what the compiler can do.
    Function {
        /// Its name.
        function: String,
        /// What it is too much of.
        message: String,
    },
}

impl fmt::Display for CompileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CompileError::Processor { missing } => {
                write!(f, "cannot compile for this machine: the processor lacks {missing}")
            }
            CompileError::Function { function, message } => {
                write!(f, "cannot compile function `{function}`: {message}")
            }
        }
    }
}

impl Error for CompileError {}
