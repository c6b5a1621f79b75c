//! From the bytes of a module to relocatable machine code.
//!
//! [`decode()`] validates a module whole and turns it into a [`vm::module::Module`]. Once the loader
//! has given it a place in a process, a [`Compiler`] translates its functions: bases, bound GOT
//! entries and type ids are immediates in the code, calls between modules are calls, and no
//! function takes a parameter that its wasm type does not show. The result is [`vm::code::Code`],
//! without an address of any run in it.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod decode;
pub mod error;
pub mod straight;

mod baseline;
mod compiler;
mod emit;
mod epilogue;
mod induction;
mod lazy;
mod location;
mod processor;
mod schedule;
mod signature;
mod skew;
mod stride;
mod stubs;
mod translate;
mod unit;

use dynvm_vm as vm;

pub use compiler::{Compiler, OptLevel, Settings};
pub use decode::{Standard, decode, decode_as, decode_validated};
pub use error::{CompileError, DecodeError, Feature};
pub use lazy::{CompileTime, LazyCompiler, LazyStatistics, SomeCode, Tiers};
pub use unit::{DEFINERS_DEPTH, Unit};
