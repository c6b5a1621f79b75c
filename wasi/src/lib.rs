//! WASI preview 1 for dynvm: what a guest may see of the machine, and the functions through which
//! it does.
//!
//! The implementation is `wasi-common`; nothing outside this crate names it, so that it can be
//! replaced. Around it stands what it leaves open: exit codes above 125, the CPU-time clocks,
//! directories that are changed while they are read,
//! standard streams without a buffer of the host's, and errors of the system that it knows no
//! number for. The same directory grants serve the dynamic linker ([`Wasi::open_file`]): a guest
//! reaches no file that it was not granted, its libraries included.
//!
//! **Invariant:** nothing is granted unless [`Builder`] was told to.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod builder;
mod clocks;
mod directory;
mod error;
mod functions;
mod preopen;
mod stdio;
mod trace;

pub use builder::{Builder, Wasi};
pub use error::Error;
pub use preopen::{Grant, GuestFile};
