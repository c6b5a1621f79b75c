//! What the runtime needs from a compiler besides the code of modules.

use crate::code::Code;
use crate::types::FuncType;

/// Makes the two kinds of code that lead in and out of wasm. The compiler implements it.
pub trait Stubs: Send + Sync {
    /// Code with the platform's C convention, `(code: *const u8, values: *mut RawValue)`: takes
    /// the arguments for `ty` from `values`, calls `code`, leaves the results in `values`. The
    /// pinned register is set before it is entered.
    fn entry(&self, ty: &FuncType) -> Code;

    /// A wasm function of type `ty` that hands its arguments to the host function with this
    /// number through `Builtin::HostCall`.
    fn host_call(&self, ty: &FuncType, host_function: u32) -> Code;

    /// A wasm function of type `ty` that hands its arguments to a host function through
    /// `Builtin::DirectHostCall`. The type has numbers alone and at most one result.
    fn direct_host_call(&self, ty: &FuncType, direct: usize) -> Code;
}
