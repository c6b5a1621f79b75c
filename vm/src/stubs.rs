//! What the runtime needs from a compiler besides the code of modules.

use crate::code::Code;
use crate::types::FuncType;

/// Makes the two kinds of code that lead in and out of wasm. The compiler implements it.
///
/// The runtime itself relies on where the compiler's functions have their values: parameters as in the
/// platform's C convention (rdi, rsi, rdx, rcx, r8, r9; xmm0 to xmm7), results in rax, rcx, rdx, rsi, rdi,
/// r8, r9, r10 and in xmm0 to xmm7. They keep rbp, rsp and r15, and no other register.
pub trait Stubs: Send + Sync {
    /// Code with the platform's C convention, `(code: *const u8, values: *mut RawValue)`: takes
    /// the arguments for `ty` from `values`, calls `code`, leaves the results in `values`. The
    /// pinned register is set before it is entered.
    fn entry(&self, ty: &FuncType) -> Code;

    /// A wasm function of type `ty` that hands its arguments to the host function with this
    /// number through `Builtin::HostCall`.
    fn host_call(&self, ty: &FuncType, host_function: u32) -> Code;
}
