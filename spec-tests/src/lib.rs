//! Runs official `.wast` scripts on the compiler and the runtime alone, without the dynamic linker.
//!
//! A script has one process. Each of its modules becomes an instance with memories and tables of
//! its own, so it is the general path that is tested here; the process-wide memory and table have
//! their tests where programs are.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod linker;
mod pattern;
mod script;
mod thread;

pub use dynvm_jit::{CompileTime, Standard};
pub use script::{Options, Report, run};
