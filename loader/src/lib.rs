//! The dynamic linker: from `dylink.0` sections to a running process.
//!
//! A load goes through the phases that [`open`] lists, one per file:
//! [`deps`] reads a module and, breadth first, what it needs ([`search`] finds the files,
//! [`dylink`] decodes their linking sections, [`symbol`] hashes what they define). [`layout`] gives
//! each dso its place in memory and table. [`resolve`] finds the definition of every import in the
//! [`scope`]s, or reports all that are missing at once. [`bind`] turns definitions into what the
//! runtime gives an instance, [`got`] keeping one table index per function. Then the compiler runs,
//! with every address a constant, [`relocate`] lets the guest relocate its data, and [`init`] runs
//! constructors, dependencies first. A load that fails leaves nothing behind.
//!
//! [`plan`] goes through the same phases up to the binding, for a linker that writes a file.
//!
//! While the guest runs, [`dlfcn`] serves its `dlopen` and `dlsym` through the same phases.
//! [`dialect`] has what older and other dialects of all this need besides.
//!
//! **Invariant:** no guest code runs while the linker's state is locked.
#![forbid(unsafe_code)]
#![warn(missing_docs)]
#![allow(rustdoc::private_intra_doc_links)]

pub mod debug;
pub mod dlfcn;
pub mod dso;
pub mod dylink;
mod error;
pub mod ldd;
mod loader;
pub mod nm;
pub mod plan;

mod bind;
mod buried;
mod cache;
mod close;
mod compile;
mod deps;
mod dialect;
mod dladdr;
mod dlerror;
mod dlinfo;
mod dlsym;
mod dwarf;
mod exception;
mod exit;
mod got;
mod host;
mod init;
mod kept;
mod layout;
pub mod link_map;
mod linker;
mod open;
mod order;
mod relocate;
mod resolve;
mod run;
pub mod scope;
pub mod search;
pub mod symbol;
mod unbound;

pub use cache::{Cache, Content};
pub use compile::{Compiled, Progress};
pub use dlfcn::Flags;
pub use dwarf::Location;
pub use error::{LoadError, Mismatch, UndefinedSymbol};
pub use host::HostModule;
pub use linker::Statistics;
pub use loader::{Handle, Loader, Options};
pub use search::{FileIdentity, GuestFile, GuestFiles};
