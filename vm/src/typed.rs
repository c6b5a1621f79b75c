//! Functions whose type the host's compiler knows: calls of them check no types and allocate nothing.

use std::fmt;
use std::marker::PhantomData;

use crate::code::TrapCode;
use crate::context::{FuncId, VmFuncRef};
use crate::entry::{Arguments, INT_PARAMS, Returned, is_int};
use crate::error::Error;
use crate::process::Process;
use crate::trap::{Stop, Trap};
use crate::types::{FuncType, TypeId, ValType};
use crate::value::RawValue;

/// Most parameters, and most results, of a typed function.
const VALUES_MAX: usize = 8;

/// A type of the host's that is a wasm value. Integers of either sign are the wasm integer of
/// their size, and `u128` is `v128`.
pub trait WasmValue: Copy + sealed::Value {
    /// What it is in wasm.
    const TYPE: ValType;

    /// Its bits.
    fn into_raw(self) -> RawValue;

    /// The value with these bits.
    fn from_raw(raw: RawValue) -> Self;
}

/// Calls rely on it that what is said of types and what is done with values agrees.
mod sealed {
    pub trait Value {}
    pub trait Params {}
    pub trait Results {}
    impl Params for () {}
    impl Results for () {}
    impl<T: Value> Results for T {}
}

macro_rules! wasm_values {
    ($($ty:ty = $wasm:ident, |$raw:ident| $from:expr;)*) => {
        $(impl sealed::Value for $ty {}

        impl WasmValue for $ty {
            const TYPE: ValType = ValType::$wasm;

            #[inline]
            fn into_raw(self) -> RawValue {
                self.into()
            }

            #[inline]
            fn from_raw($raw: RawValue) -> Self {
                $from
            }
        })*
    };
}

wasm_values! {
    i32 = I32, |raw| raw.i32();
    u32 = I32, |raw| raw.u32();
    i64 = I64, |raw| raw.i64();
    u64 = I64, |raw| raw.u64();
    f32 = F32, |raw| f32::from_bits(raw.u32());
    f64 = F64, |raw| f64::from_bits(raw.u64());
    u128 = V128, |raw| raw.u128();
}

/// What a function takes: a tuple of values.
pub trait Params: sealed::Params {
    /// The values' types.
    fn types() -> Vec<ValType>;

    /// Writes the values to the first of these slots, which are enough.
    fn store(self, slots: &mut [RawValue; VALUES_MAX]);

    /// Whether all of them go in registers.
    const IS_IN_REGISTERS: bool;

    /// Puts the values in registers.
    fn pass(self, arguments: &mut Arguments);
}

/// What a function gives: nothing, a value, or a tuple of values.
pub trait Results: sealed::Results {
    /// The values' types.
    fn types() -> Vec<ValType>;

    /// Reads the values from the first of these slots.
    fn load(slots: &[RawValue; VALUES_MAX]) -> Self;

    /// Reads the values from registers.
    fn take(returned: &mut Returned) -> Self;
}

impl<T: WasmValue> Results for T {
    fn types() -> Vec<ValType> {
        vec![T::TYPE]
    }

    #[inline]
    fn load(slots: &[RawValue; VALUES_MAX]) -> Self {
        T::from_raw(slots[0])
    }

    #[inline]
    fn take(returned: &mut Returned) -> Self {
        returned.take()
    }
}

impl Params for () {
    fn types() -> Vec<ValType> {
        Vec::new()
    }

    #[inline]
    fn store(self, _: &mut [RawValue; VALUES_MAX]) {}

    const IS_IN_REGISTERS: bool = true;

    #[inline]
    fn pass(self, _: &mut Arguments) {}
}

impl Results for () {
    fn types() -> Vec<ValType> {
        Vec::new()
    }

    #[inline]
    fn load(_: &[RawValue; VALUES_MAX]) -> Self {}

    #[inline]
    fn take(_: &mut Returned) -> Self {}
}

macro_rules! tuples {
    ($(($($name:ident $position:tt),+))*) => {
        $(
            impl<$($name: WasmValue),+> sealed::Params for ($($name,)*) {}

            impl<$($name: WasmValue),+> Params for ($($name,)*) {
                fn types() -> Vec<ValType> {
                    vec![$($name::TYPE),+]
                }

                #[inline]
                fn store(self, slots: &mut [RawValue; VALUES_MAX]) {
                    $(slots[$position] = self.$position.into_raw();)*
                }

                const IS_IN_REGISTERS: bool =
                    0 $(+ is_int($name::TYPE) as usize)+ <= INT_PARAMS;

                #[inline]
                fn pass(self, arguments: &mut Arguments) {
                    $(arguments.push(self.$position);)*
                }
            }

            impl<$($name: WasmValue),+> sealed::Results for ($($name,)*) {}

            impl<$($name: WasmValue),+> Results for ($($name,)*) {
                fn types() -> Vec<ValType> {
                    vec![$($name::TYPE),+]
                }

                #[inline]
                fn load(slots: &[RawValue; VALUES_MAX]) -> Self {
                    ($($name::from_raw(slots[$position]),)*)
                }

                #[inline]
                fn take(returned: &mut Returned) -> Self {
                    ($(returned.take::<$name>(),)*)
                }
            }
        )*
    };
}

tuples! {
    (A 0)
    (A 0, B 1)
    (A 0, B 1, C 2)
    (A 0, B 1, C 2, D 3)
    (A 0, B 1, C 2, D 3, E 4)
    (A 0, B 1, C 2, D 3, E 4, F 5)
    (A 0, B 1, C 2, D 3, E 4, F 5, G 6)
    (A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7)
}

/// A wasm function that takes `P`, a tuple, and gives `R`.
pub struct TypedFunc<P, R> {
    func: FuncId,
    type_id: TypeId,
    /// Where the process says what `func` leads to.
    function: *const VmFuncRef,
    /// The trampoline for the type.
    entry: usize,
    /// The process that all these belong to: [`Process::serial`].
    process: u64,
    signature: PhantomData<fn(P) -> R>,
}

impl Process {
    /// A function ready to be called often, its type checked here.
    ///
    /// # Errors
    /// If the function does not exist, or is of another type.
    pub fn get_typed<P: Params, R: Results>(
        &mut self,
        func: FuncId,
    ) -> Result<TypedFunc<P, R>, Error> {
        let type_id = self.func_type_id(func).unwrap_or(TypeId(0));
        let expected = FuncType::new(P::types(), R::types());
        let found = self.types.get(type_id).map(|found| (**found).clone());
        if found.as_ref() != Some(&expected) {
            return Err(Error::TypedFunc { func: self.func_name(func), expected, found });
        }
        let entry = self.entry_trampoline(type_id)?;
        let (function, process) = (self.space.function_address(func), self.serial);
        Ok(TypedFunc { func, type_id, function, entry, process, signature: PhantomData })
    }
}

impl<P: Params, R: Results> TypedFunc<P, R> {
    /// Calls it. A function that was unloaded meanwhile traps.
    ///
    /// # Errors
    /// If the guest exits or traps.
    ///
    /// # Panics
    /// If `process` is not the one that the function was taken from, or the function has no code
    /// yet.
    #[inline(always)]
    pub fn call(&self, process: &mut Process, params: P) -> Result<R, Stop> {
        assert!(process.serial == self.process, "a function is called in another process");
        // SAFETY: it is in the process's array of functions, which lives as long as the process, and
        // that is this one. Wasm, and who places code, has it only while they have the process.
        let VmFuncRef { code, type_id, .. } = unsafe { self.function.read() };
        // Ids are given out again: what is there now may be of another type.
        if type_id != self.type_id {
            return Err(unloaded(process, self.func));
        }
        assert!(code != 0, "a function is called before it is linked");
        if !P::IS_IN_REGISTERS || process.is_in_wasm() {
            return self.call_otherwise(process, code, params);
        }
        let mut arguments = Arguments::new();
        params.pass(&mut arguments);
        // SAFETY: the function's type was compared with `P` and `R` when it was taken from the process,
        // and is that one still. No wasm runs.
        let mut returned = unsafe { process.enter_outermost(code, &arguments) }?;
        Ok(R::take(&mut returned))
    }

    /// The calls that are no loop's: by host functions, and of functions with many parameters.
    #[inline(never)]
    fn call_otherwise(&self, process: &mut Process, code: usize, params: P) -> Result<R, Stop> {
        if P::IS_IN_REGISTERS {
            let mut arguments = Arguments::new();
            params.pass(&mut arguments);
            // SAFETY: as in `call`. A host function runs.
            let mut returned = unsafe { process.enter_nested(code, &arguments) }?;
            return Ok(R::take(&mut returned));
        }
        let mut slots = [RawValue::ZERO; VALUES_MAX];
        params.store(&mut slots);
        process.enter_with_slots(self.entry, code, &mut slots)?;
        Ok(R::load(&slots))
    }
}

#[cold]
fn unloaded(process: &Process, func: FuncId) -> Stop {
    process.unloaded(func).unwrap_or_else(|| {
        Trap::new(TrapCode::UndefinedSymbol, format!("function {} was unloaded", func.0)).into()
    })
}

// SAFETY: the address in it is read only with the process at hand that it is of.
unsafe impl<P, R> Send for TypedFunc<P, R> {}
// SAFETY: as above.
unsafe impl<P, R> Sync for TypedFunc<P, R> {}

impl<P, R> Clone for TypedFunc<P, R> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<P, R> Copy for TypedFunc<P, R> {}

impl<P, R> fmt::Debug for TypedFunc<P, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TypedFunc({})", self.func.0)
    }
}
