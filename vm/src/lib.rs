//! What exists while wasm runs: memory, tables, globals, machine code, traps.
//!
//! A [`Process`] has one memory and one function table that all its instances share, and one text,
//! in which any function calls any other directly. Modules ([`module::Module`]) are decoded and
//! inert; an [`instance::Instance`] is a module with a place in the process. Machine code comes from
//! a compiler as relocatable [`code::Code`]; this crate knows no compiler.
//!
//! The order of a load, for one module or a batch that refer to each other:
//! [`Process::declare`] all, [`Process::bind`] all, compile, [`Process::publish`] all,
//! [`Process::link`], then [`Process::initialize`] and [`Process::start`].
//!
//! **The only home of `unsafe`.** Each module that has some says below why.
#![deny(unsafe_code)]
#![warn(missing_docs)]

mod array;
mod bind;
pub mod code;
mod collect;
mod const_expr;
pub mod context;
mod error;
mod exception;
mod handle;
mod inspect;
pub mod instance;
pub mod layout;
mod listener;
pub mod module;
mod parking;
mod plt;
mod process;
pub mod reference;
pub mod registry;
mod segments;
mod stubs;
mod thunk;
mod trap;
pub mod types;
pub mod value;

#[expect(unsafe_code, reason = "is called by machine code")]
mod builtins;
#[expect(unsafe_code, reason = "calls machine code and walks its frames")]
mod call;
#[expect(unsafe_code, reason = "is written by signal handlers")]
mod departure;
#[expect(unsafe_code, reason = "is called by machine code with arguments in registers")]
mod direct;
#[expect(unsafe_code, reason = "switches stacks and leaves frames behind")]
mod entry;
#[expect(unsafe_code, reason = "reads and copies objects in mapped memory")]
mod heap;
#[expect(unsafe_code, reason = "signals the thread that runs wasm")]
mod interrupt;
#[expect(unsafe_code, reason = "maps files")]
mod mapped;
#[expect(unsafe_code, reason = "gives slices of mapped memory")]
mod memory;
#[expect(unsafe_code, reason = "gives parts of bytes that were checked as text")]
pub mod name;
#[expect(unsafe_code, reason = "maps address space and changes its protection")]
mod reservation;
#[expect(unsafe_code, reason = "is called by machine code for what has none yet")]
mod resolver;
#[expect(unsafe_code, reason = "races with guests on bytes that several processes have")]
mod shared;
#[expect(unsafe_code, reason = "handles signals")]
mod signals;
#[expect(unsafe_code, reason = "reads and writes what lies behind the pinned register")]
mod space;
#[expect(unsafe_code, reason = "reads words of wasm's stack, and changes references")]
mod stack;
#[expect(unsafe_code, reason = "reads and writes elements in mapped memory")]
mod table;
#[expect(unsafe_code, reason = "makes machine code executable")]
mod text;
#[expect(unsafe_code, reason = "writes rows in mapped memory")]
mod type_rows;
#[expect(unsafe_code, reason = "calls machine code with arguments in registers")]
mod typed;
mod unload;
#[expect(unsafe_code, reason = "continues in an exception handler")]
mod unwind;

pub use bind::constant_global;
pub use direct::{IntoHostFunction, RegisterResult, RegisterValue};
pub use error::Error;
pub use heap::HeapStats;
pub use interrupt::Interrupter;
pub use listener::CodeListener;
pub use mapped::{MappedCode, MappedFile, read_buffer};
pub use process::{Config, HostFunc, HostFunction, Placement, Process};
pub use resolver::Resolver;
pub use shared::SharedMemory;
pub use stubs::Stubs;
pub use trap::{Frame, Stop, Trap};
pub use typed::{Params, Results, TypedFunc, WasmValue};
