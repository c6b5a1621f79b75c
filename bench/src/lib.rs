//! Measures dynvm, and beside it whichever other engines are built.
//!
//! `all` measures everything and writes tables and plots; `calls` prints what a call costs, inside a dso and across; `link` what linking costs; `throw` what
//! an exception costs; `gc` what garbage collection costs; `runner` speaks the protocol of a
//! harness that runs many engines on the same files.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod calls;
pub mod link;
pub mod modules;
pub mod peers;
pub mod preloaded;
pub mod suite;

/// What goes wrong here ends the program: its text is all that counts.
pub type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;
