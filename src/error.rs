//! Why a program could not be loaded, or did not end by returning.

use std::fmt;
use std::io;
use std::path::PathBuf;

use dynvm_loader::LoadError;
use dynvm_relink::RelinkError;
use dynvm_vm::Stop;

/// Why a program could not be loaded, or did not end by returning.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The guest's world could not be made.
    Wasi(dynvm_wasi::Error),
    /// The program or a library could not be loaded.
    Load(Box<LoadError>),
    /// The program could not be linked.
    Relink(Box<RelinkError>),
    /// The file for `perf` cannot be written.
    Profile {
        /// Where it should be.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The guest trapped, or asked to exit.
    Stop(Stop),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Wasi(error) => error.fmt(f),
            Error::Load(error) => error.fmt(f),
            Error::Relink(error) => error.fmt(f),
            Error::Profile { path, source } => {
                write!(f, "cannot write the profile `{}`: {source}", path.display())
            }
            Error::Stop(stop) => stop.fmt(f),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Error::Wasi(error) => error.source(),
            Error::Load(error) => error.source(),
            Error::Relink(error) => error.source(),
            Error::Profile { source, .. } => Some(source),
            Error::Stop(_) => None,
        }
    }
}

impl From<dynvm_wasi::Error> for Error {
    fn from(error: dynvm_wasi::Error) -> Self {
        Error::Wasi(error)
    }
}

impl From<LoadError> for Error {
    fn from(error: LoadError) -> Self {
        match error {
            // Guest code that ran while loading ended the program: that is no failure to load.
            LoadError::Stopped { stop: stop @ Stop::Exit(_), .. } => Error::Stop(stop),
            error => Error::Load(Box::new(error)),
        }
    }
}

impl From<RelinkError> for Error {
    fn from(error: RelinkError) -> Self {
        match error {
            RelinkError::Load(error) => (*error).into(),
            error => Error::Relink(Box::new(error)),
        }
    }
}

impl From<Stop> for Error {
    fn from(stop: Stop) -> Self {
        Error::Stop(stop)
    }
}
