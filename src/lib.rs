//! dynvm runs WebAssembly programs that are linked dynamically: it is to `.wasm` what `ld.so` is
//! to ELF.
//!
//! This crate is the public API over the dynamic linker ([`loader`]) and the guest's world
//! ([`wasi`]). The program `dynvm` is built on nothing else.
//!
//! ```no_run
//! let mut options = dynvm::Options::default();
//! options.library_dirs.push("lib".into());
//! options.wasi.argument("app.wasm").inherit_stdio();
//! let status = dynvm::Runtime::open("app.wasm".as_ref(), &options)?.run()?;
//! println!("exit status {status}");
//! # Ok::<(), dynvm::Error>(())
//! ```
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod error;
mod profile;
mod runtime;
mod value;

pub use dynvm_jit as jit;
pub use dynvm_loader as loader;
pub use dynvm_relink as relink;
pub use dynvm_vm as vm;
pub use dynvm_wasi as wasi;

pub use error::Error;
pub use profile::Profile;
pub use runtime::{Options, Runtime, list};
