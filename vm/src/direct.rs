//! Host functions whose type the host's compiler knows: wasm calls them with arguments and result
//! in registers.

use std::any::Any;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crate::builtins::{departure, process, raise};
use crate::code::{Code, TrapCode};
use crate::entry::is_int;
use crate::process::{HostFunc, HostFunction, Process};
use crate::thunk::{self, INTS_MAX};
use crate::trap::Stop;
use crate::typed::WasmValue;
use crate::types::{FuncType, ValType};
use crate::value::RawValue;

/// A value that has the same place in Rust's `extern "C"` as in the compiler's convention of that
/// name: numbers of 32 and 64 bits.
pub trait RegisterValue: WasmValue + sealed::Number {}

impl<T: WasmValue + sealed::Number> RegisterValue for T {}

/// What is passed in registers is for this module alone to say.
mod sealed {
    pub trait Number {}
    impl Number for i32 {}
    impl Number for u32 {}
    impl Number for i64 {}
    impl Number for u64 {}
    impl Number for f32 {}
    impl Number for f64 {}
    pub trait Result {}
    impl Result for () {}
    impl<T: Number> Result for T {}
}

/// What such a function gives: nothing, or a value.
pub trait RegisterResult: sealed::Result {
    /// The values' types.
    fn types() -> Vec<ValType>;

    /// Writes the value to the first of these slots, if there is one.
    fn store(self, slots: &mut [RawValue]);
}

impl RegisterResult for () {
    fn types() -> Vec<ValType> {
        Vec::new()
    }

    fn store(self, _: &mut [RawValue]) {}
}

impl<T: RegisterValue> RegisterResult for T {
    fn types() -> Vec<ValType> {
        vec![T::TYPE]
    }

    fn store(self, slots: &mut [RawValue]) {
        slots[0] = self.into_raw();
    }
}

/// A closure that can be a [`HostFunction`]: of the process and at most six numbers, `P`, with at
/// most one number as result, `R`.
pub trait IntoHostFunction<P, R> {
    /// The function under this name.
    fn into_host_function(self, name: &str) -> HostFunction;
}

impl HostFunction {
    /// A function whose type is that of a closure over numbers. A call of it costs less than one of
    /// [`HostFunction::new`].
    ///
    /// ```
    /// use dynvm_vm::{HostFunction, Process};
    ///
    /// let half = HostFunction::typed("half", |_: &mut Process, value: i32| Ok(value / 2));
    /// assert_eq!(half.ty.to_string(), "(i32) -> (i32)");
    /// ```
    pub fn typed<P, R>(name: &str, function: impl IntoHostFunction<P, R>) -> HostFunction {
        function.into_host_function(name)
    }
}

/// What wasm's calls lead to: a closure, and the code that calls it.
#[derive(Clone)]
pub(crate) struct Direct {
    code: usize,
    /// Address of the closure.
    func: usize,
    /// How many integers it takes.
    ints: usize,
    /// Keeps the closure alive.
    _func: Arc<dyn Any + Send + Sync>,
}

impl Direct {
    /// What wasm calls.
    pub(crate) fn thunk(&self) -> Code {
        thunk::thunk(self.code, self.func, self.ints)
    }
}

impl fmt::Debug for Direct {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Direct({:#x})", self.func)
    }
}

macro_rules! shims {
    ($($shim:ident($($name:ident $value:ident $position:tt),*))*) => {
        $(
            impl<F, R, $($name),*> IntoHostFunction<($($name,)*), R> for F
            where
                F: Fn(&mut Process, $($name),*) -> Result<R, Stop> + Send + Sync + 'static,
                R: RegisterResult,
                $($name: RegisterValue,)*
            {
                fn into_host_function(self, name: &str) -> HostFunction {
                    let code = $shim::<F, R, $($name),*> as *const () as usize;
                    let func = Arc::new(self);
                    let address = Arc::as_ptr(&func) as usize;
                    let ints = 0 $(+ usize::from(is_int($name::TYPE)))*;
                    let kept = Arc::clone(&func);
                    let direct = Direct { code, func: address, ints, _func: kept };
                    let direct = (ints <= INTS_MAX).then_some(direct);
                    let func: HostFunc = Arc::new(move |process, _slots| {
                        func(process, $($name::from_raw(_slots[$position])),*)?.store(_slots);
                        Ok(())
                    });
                    let ty = FuncType::new(vec![$($name::TYPE),*], R::types());
                    HostFunction { name: name.to_owned(), ty, func, direct }
                }
            }

            /// # Safety
            /// Entered from the thunk of the host function alone: `pinned` is the pinned register,
            /// and `func` is that function.
            unsafe extern "C" fn $shim<F, R, $($name),*>(
                $($value: $name,)*
                pinned: usize,
                func: *const F,
            ) -> R
            where
                F: Fn(&mut Process, $($name),*) -> Result<R, Stop>,
            {
                // SAFETY: this function's duty; the process keeps the `Arc` around the closure in its
                // list of host functions, from which nothing is taken.
                unsafe {
                    let func = &*func;
                    run(pinned, |process| func(process, $($value),*))
                }
            }
        )*
    };
}

shims! {
    shim_0()
    shim_1(A a 0)
    shim_2(A a 0, B b 1)
    shim_3(A a 0, B b 1, C c 2)
    shim_4(A a 0, B b 1, C c 2, D d 3)
    shim_5(A a 0, B b 1, C c 2, D d 3, E e 4)
    shim_6(A a 0, B b 1, C c 2, D d 3, E e 4, G g 5)
}

/// Runs a host function. Nothing unwinds out of it: a panic goes on behind the wasm frames.
///
/// # Safety
/// `pinned` is the pinned register; the caller's frame owns nothing that must be dropped.
#[inline]
unsafe fn run<R>(pinned: usize, func: impl FnOnce(&mut Process) -> Result<R, Stop>) -> R {
    // SAFETY: this function's duty. Each reference ends before the next one is made.
    unsafe {
        let entered = process(pinned).handles.enter();
        let outcome = catch_unwind(AssertUnwindSafe(|| func(process(pinned))));
        process(pinned).handles.leave(entered);
        match outcome {
            Ok(Ok(result)) => result,
            Ok(Err(stop)) => raise_stop(pinned, stop),
            Err(panic) => raise_panic(pinned, panic),
        }
    }
}

/// [`raise`], out of the way of what returns.
///
/// # Safety
/// As for [`run`].
#[cold]
unsafe fn raise_stop(pinned: usize, stop: Stop) -> ! {
    // SAFETY: this function's duty.
    unsafe { raise(pinned, stop) }
}

/// Leaves wasm to go on with `panic`.
///
/// # Safety
/// As for [`run`].
#[cold]
unsafe fn raise_panic(pinned: usize, panic: Box<dyn Any + Send>) -> ! {
    // SAFETY: this function's duty.
    unsafe {
        departure(pinned).panic = Some(panic);
        raise(pinned, TrapCode::Host.into())
    }
}
