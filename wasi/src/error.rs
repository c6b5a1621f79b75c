//! What can be wrong with the world that a guest is to be given.

use std::{fmt, io};

/// Why a [`Wasi`](crate::Wasi) could not be built.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// A directory to grant could not be opened.
    Directory {
        /// Its path on the host.
        host: String,
        /// What the system said.
        source: io::Error,
    },
    /// A grant is not `HOST` or `HOST::GUEST`.
    Grant {
        /// The text that was found.
        found: String,
    },
    /// An argument or environment variable that C strings cannot hold.
    Nul {
        /// The text that was found.
        found: String,
    },
    /// The name of an environment variable is empty or holds `=`.
    VariableName {
        /// The name that was found.
        found: String,
    },
    /// Arguments or environment exceed the guest's address space.
    TooLarge,
    /// A standard stream could not be duplicated.
    Stream {
        /// Its name.
        name: &'static str,
        /// What the system said.
        source: io::Error,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Directory { host, source } => {
                write!(f, "cannot grant directory `{host}`: {}", cause(source))
            }
            Error::Grant { found } => {
                write!(f, "bad directory grant `{found}`: expected HOST or HOST::GUEST")
            }
            Error::Nul { found } => {
                write!(f, "`{}` holds a NUL character", found.escape_default())
            }
            Error::VariableName { found } => {
                write!(f, "bad name of an environment variable `{found}`")
            }
            Error::TooLarge => f.write_str("arguments and environment exceed 4 GiB"),
            Error::Stream { name, source } => write!(f, "cannot use {name}: {}", cause(source)),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Error::Directory { source, .. } | Error::Stream { source, .. } => Some(source),
            _ => None,
        }
    }
}

/// The system's message in the style of ours: lower case, without the number.
fn cause(error: &io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_lowercase().chain(chars).collect())
}
