//! The first call of a function that has no code: whoever made the process gives it some, and the
//! call goes on there as if nothing had been.

use std::arch::naked_asm;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crate::builtins::{departure, or_raise, overflow, process};
use crate::code::TrapCode;
use crate::context::{FuncId, VmContext, VmFuncRef};
use crate::error::Error;
use crate::process::{Definer, Process};
use crate::trap::{Stop, Trap};
use crate::types::TypeId;
use crate::unload::Names;

/// Gives functions their code when they are first called.
pub trait Resolver: Send + Sync {
    /// Makes `func` lead to code: by [`Process::forward`], or by publishing and linking some.
    ///
    /// # Errors
    /// How the call ends, if there is none for it. The next call asks again.
    fn resolve(&self, process: &mut Process, func: FuncId) -> Result<(), Stop>;

    /// `func`, whose code is provisional, has been called often, or its loop at this offset of the
    /// module has gone round often. May publish and link better code. For a loop it may give the
    /// address of code to go on in: see [`Process::place_aside`].
    fn hot(&self, process: &mut Process, func: FuncId, in_loop: Option<u32>) -> Option<usize> {
        let _ = (process, func, in_loop);
        None
    }
}

impl Process {
    /// Sets who gives functions their code when they are first called.
    pub fn set_resolver(&mut self, resolver: Arc<dyn Resolver>) {
        self.resolver = Some(resolver);
    }

    /// A function of type `type_id` that is not bound to a definition yet; messages call it `name`. Its
    /// first call asks the [`Resolver`].
    ///
    /// # Errors
    /// If there are too many functions, or the system has no memory.
    pub fn add_unbound_function(&mut self, name: &str, type_id: TypeId) -> Result<FuncId, Error> {
        self.reclaim_functions();
        let func = self.space.add_functions_of(&[type_id], None)?;
        if let Err(error) = self.text.open_plt(func, 1) {
            self.space.retire_functions(func, &[type_id], None, |_| VmFuncRef::NULL);
            return Err(error);
        }
        let code = self.text.plt().unresolved(func);
        self.space.set_function(func, VmFuncRef { code, type_id, func });
        self.definers.insert(func.0, Definer::Unbound);
        self.unbound.insert(func, name.to_owned());
        Ok(func)
    }

    /// Takes back what [`Process::add_unbound_function`] gave, bound or not. References to it that
    /// are left trap.
    pub fn remove_unbound_function(&mut self, func: FuncId) {
        let Some(name) = self.unbound.remove(&func) else { return };
        let type_id = self.space.function(func).type_id;
        self.retire_functions(func, &[type_id], None, Names::One(name));
    }

    /// From now on `func`, which was not bound, is `target`.
    ///
    /// # Panics
    /// If `target` is not of its type: the caller compared them.
    pub fn forward(&mut self, func: FuncId, target: FuncId) {
        let target = self.text.plt().copied(self.space.function(target));
        let function = self.space.function(func);
        let fits = self.types.is_subtype(target.type_id, function.type_id);
        assert!(fits, "`{}` is bound to a function of its type", self.func_name(func));
        self.space.set_function(func, VmFuncRef { code: target.code, ..function });
    }

    /// Whether a call of `func` asks the resolver first.
    #[must_use]
    pub fn is_unresolved(&self, func: FuncId) -> bool {
        self.space.function(func).code == self.text.plt().unresolved(func)
    }

    /// Whether better code may replace what the function has.
    #[must_use]
    pub fn is_provisional(&self, func: FuncId) -> bool {
        self.text.plt().is_provisional(self.space.function(func).code)
    }

    /// A function has been counted up to the end.
    pub(crate) fn hot(&mut self, func: FuncId, in_loop: Option<u32>) -> Option<usize> {
        self.space.reset_counter(func);
        let resolver = self.resolver.clone()?;
        resolver.hot(self, func, in_loop)
    }

    /// Leads table elements past the PLT whose functions have code by now: they are copies, and go
    /// through its entries until then.
    pub fn refresh_elements(&mut self) {
        for table in self.tables.iter_mut().flatten() {
            for index in 0..table.len() {
                let element = table.get(index).expect("the index is below the length");
                if self.text.plt().contains(element.code) {
                    let element = self.text.plt().copied(self.space.function(element.func));
                    table.set(index, element).expect("the index is below the length");
                }
            }
        }
    }

    /// Where the function is whose entry of the PLT called for a resolution.
    fn resolved(&mut self, func: FuncId) -> Result<usize, Stop> {
        // Another copy of the reference may have been called before.
        if self.is_unresolved(func) {
            if let Some(stop) = self.unloaded(func) {
                return Err(stop);
            }
            let resolver = self.resolver.clone();
            let resolver = resolver.ok_or_else(|| {
                Trap::new(TrapCode::UndefinedSymbol, format!("`{}`", self.func_name(func)))
            })?;
            // It may not enter wasm, whose way out would be through this very frame.
            resolver.resolve(self, func)?;
            assert!(!self.is_unresolved(func), "`{}` got its code", self.func_name(func));
        }
        Ok(self.space.function(func).code)
    }
}

/// Address of the code that entry 0 of the PLT jumps to.
pub(crate) fn address() -> usize {
    resolve as *const () as usize
}

/// Bytes for what can hold an argument: 6 registers for integers, 8 for vectors. With them the
/// stack is aligned to 16 again.
const SAVED_BYTES: usize = 6 * 8 + 8 * 16;
const _: () = assert!(SAVED_BYTES.is_multiple_of(16));

/// Entered through an entry of the PLT, behind which the call of it returns: `[rsp]` tells which,
/// `[rsp + 8]` is where the function itself returns to. All that the callee may look at stays as it
/// is: the registers of arguments, and the stack above `[rsp]`.
#[unsafe(naked)]
unsafe extern "C" fn resolve() {
    naked_asm!(
        "sub rsp, {saved}",
        "mov [rsp], rdi",
        "mov [rsp + 8], rsi",
        "mov rdi, r15",
        "mov rsi, [rsp + {saved} + 8]",
        "mov [r15 + {pc}], rsi",
        "mov [r15 + {fp}], rbp",
        "cmp rsp, [r15 + {limit}]",
        "jb 2f",
        "mov rsi, [rsp + {saved}]",
        "mov [rsp + 16], rdx",
        "mov [rsp + 24], rcx",
        "mov [rsp + 32], r8",
        "mov [rsp + 40], r9",
        "movups [rsp + 48], xmm0",
        "movups [rsp + 64], xmm1",
        "movups [rsp + 80], xmm2",
        "movups [rsp + 96], xmm3",
        "movups [rsp + 112], xmm4",
        "movups [rsp + 128], xmm5",
        "movups [rsp + 144], xmm6",
        "movups [rsp + 160], xmm7",
        "call {find}",
        "mov rdi, [rsp]",
        "mov rsi, [rsp + 8]",
        "mov rdx, [rsp + 16]",
        "mov rcx, [rsp + 24]",
        "mov r8, [rsp + 32]",
        "mov r9, [rsp + 40]",
        "movups xmm0, [rsp + 48]",
        "movups xmm1, [rsp + 64]",
        "movups xmm2, [rsp + 80]",
        "movups xmm3, [rsp + 96]",
        "movups xmm4, [rsp + 112]",
        "movups xmm5, [rsp + 128]",
        "movups xmm6, [rsp + 144]",
        "movups xmm7, [rsp + 160]",
        // In the place of the entry's return address: the processor expects a return for its call.
        "mov [rsp + {saved}], rax",
        "add rsp, {saved}",
        "ret",
        "2: call {overflow}",
        "ud2",
        saved = const SAVED_BYTES,
        pc = const VmContext::HOST_CALL_PC,
        fp = const VmContext::HOST_CALL_FP,
        limit = const VmContext::STACK_LIMIT,
        find = sym find,
        overflow = sym overflow,
    )
}

/// The code of the function whose PLT entry is the one before `return_address`.
unsafe extern "C" fn find(pinned: usize, return_address: usize) -> usize {
    // SAFETY: `pinned` is the pinned register: `resolve` is entered from compiled code alone. The
    // reference ends with this block, before the next one is made.
    let outcome = unsafe {
        let process = process(pinned);
        let func = process.text.plt().caller_of_resolver(return_address);
        catch_unwind(AssertUnwindSafe(|| process.resolved(func)))
    };
    let outcome = outcome.unwrap_or_else(|panic| {
        // SAFETY: as above.
        unsafe { departure(pinned) }.panic = Some(panic);
        Err(TrapCode::Host.into())
    });
    // SAFETY: as above; nothing here owns anything while it raises.
    unsafe { or_raise(pinned, outcome) }
}
