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
//!
//! Libraries come and go while it lives:
//!
//! ```
//! use dynvm::loader::Flags;
//! use dynvm::vm::value::Value;
//!
//! let mut options = dynvm::Options::default();
//! options.library_dirs.push("examples/libc".into());
//! let mut runtime = dynvm::Runtime::open("examples/plugin/main.wasm".as_ref(), &options)?;
//! let loaded = runtime.libraries().len();
//!
//! let plugin = "examples/plugin/plugins/reverse.so";
//! let plugin = runtime.open_library(plugin.as_ref(), Flags::NOW)?;
//! assert_eq!(runtime.libraries().last().map(|it| it.name.as_str()), Some("reverse.so"));
//! // A function's address is its index in the table, that of data one in memory.
//! let apply = runtime.symbol(plugin, "plugin_apply")?;
//! let name = runtime.symbol(plugin, "plugin_name")?;
//! let process = runtime.loader().process_mut();
//! let text = name as usize..name as usize + 7;
//! assert_eq!(&process.memory()[text.clone()], b"reverse");
//! let apply = process.table_get(apply).expect("a symbol of a function has an index");
//! process.call(apply, &[Value::I32(name as i32)]).expect("it returns");
//! assert_eq!(&process.memory()[text], b"esrever");
//!
//! runtime.close_library(plugin)?;
//! assert_eq!(runtime.libraries().len(), loaded);
//! let error = runtime.close_library(plugin).expect_err("it is closed");
//! assert_eq!(error.to_string(), "0x64000020 is not a handle of an open library");
//! let error = runtime.symbol(plugin, "plugin_apply").expect_err("it is closed");
//! assert_eq!(error.to_string(), "0x64000020 is not a handle of an open library");
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
pub use runtime::{Library, Options, Runtime, list};
