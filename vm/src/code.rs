//! Machine code of one function, as the compiler hands it over: relocatable, without an address of
//! any run in it.

use std::fmt;

use crate::context::FuncId;
use crate::instance::TagId;

/// Machine code of one function with all that is needed to place it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Code {
    /// The instructions and the constants behind them.
    pub bytes: Vec<u8>,
    /// Alignment in bytes, a power of two.
    pub align: u32,
    /// How many bytes behind a multiple of `align` it starts.
    pub skew: u32,
    /// Places to patch when callees have their addresses.
    pub relocations: Vec<Relocation>,
    /// Instructions that trap, ascending by offset.
    pub traps: Vec<TrapSite>,
    /// Wasm offset (in the module's bytes) of return addresses and trapping instructions,
    /// ascending by code offset: `(code offset, wasm offset)`. Code offsets of instructions that
    /// trap where a call before them returns to have [`TRAP_AT_RETURN`] in them, and so come last.
    pub locations: Vec<(u32, u32)>,
    /// Where code of inlined functions is: for some of the `locations`, ascending by code offset, the
    /// innermost function first. The location itself is that of the outermost call.
    pub inlined: Vec<InlinedPlace>,
    /// How many calls were inlined.
    pub inlined_calls: u32,
    /// Calls inside `try`, ascending by return address. A function without any costs nothing.
    pub call_sites: Vec<CallSite>,
    /// Calls across which references live that the collector may change, ascending by return
    /// address. A function without such references has none.
    pub stack_maps: Vec<StackMap>,
    /// Whether better code may take its place while the function exists: see
    /// [`crate::Process::publish_some`].
    pub is_provisional: bool,
}

/// Where a frame holds references during a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StackMap {
    /// Offset of the call's return address.
    pub return_offset: u32,
    /// How far each reference, of four bytes, lies below the frame pointer.
    pub below_frame_pointer: Box<[u32]>,
}

/// Functions' code that lies somewhere until it is placed, as in a mapped file: what only traps and
/// exceptions ask for is read when they do.
pub trait CodeStore: fmt::Debug + Send + Sync {
    /// The instructions of function `number` of the store, and the constants behind them.
    fn bytes(&self, number: u32) -> &[u8];

    /// Its alignment in bytes, a power of two, and how many bytes behind a multiple of that it starts.
    fn align(&self, number: u32) -> (u32, u32);

    /// Whether better code may take its place.
    fn is_provisional(&self, number: u32) -> bool;

    /// Shows its relocations, one after the other.
    fn relocations(&self, number: u32, show: &mut dyn FnMut(Relocation));

    /// All of it.
    fn code(&self, number: u32) -> Code;
}

/// In a code offset of [`Code::locations`]: an instruction that traps is meant, not the call that
/// returns to it. No function is that long.
pub const TRAP_AT_RETURN: u32 = 1 << 31;

/// The wasm offset of a call that code of the same function goes on in: backtraces show one of both.
pub const CONTINUED: u32 = u32::MAX;

/// An instruction that came from another function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InlinedPlace {
    /// As in [`Code::locations`].
    pub code_offset: u32,
    /// The function that it came from.
    pub func: FuncId,
    /// Its offset in the bytes of that function's module.
    pub wasm_offset: u32,
}

/// A call whose exceptions this function handles.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallSite {
    /// Offset of its return address.
    pub return_offset: u32,
    /// Bytes from the stack pointer at the call up to the frame pointer.
    pub frame_bytes: u32,
    /// What is tried, innermost first.
    pub handlers: Vec<Handler>,
}

/// Where an exception goes on. It finds the reference to the exception in the first payload
/// register and the address of its values (`*const RawValue`) in the second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Handler {
    /// The tag that it takes; `None` takes all.
    pub tag: Option<TagId>,
    /// Offset of its first instruction.
    pub offset: u32,
}

/// A place in code that depends on where something else is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Relocation {
    /// Where the four or eight bytes are.
    pub offset: u32,
    /// What they hold.
    pub kind: RelocationKind,
    /// Whose address it is.
    pub target: FuncId,
    /// Added to that address.
    pub addend: i64,
}

/// How a relocation is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RelocationKind {
    /// 32 bits, target + addend - place.
    Relative32,
    /// 64 bits, target + addend.
    Absolute64,
}

/// An instruction that can trap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrapSite {
    /// Where it is.
    pub offset: u32,
    /// Why it would.
    pub code: TrapCode,
}

macro_rules! trap_codes {
    ($($(#[$doc:meta])* $name:ident = $number:literal $message:literal;)*) => {
        /// Why wasm trapped.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum TrapCode { $($(#[$doc])* $name = $number,)* }

        impl TrapCode {
            /// The code with this number.
            #[must_use]
            pub fn from_number(number: u8) -> Option<Self> {
                match number { $($number => Some(TrapCode::$name),)* _ => None }
            }

            /// The official wording.
            #[must_use]
            pub fn message(self) -> &'static str {
                match self { $(TrapCode::$name => $message,)* }
            }
        }
    };
}

trap_codes! {
    /// `unreachable`
    Unreachable = 1 "unreachable";
    /// A load, store or bulk operation outside its memory.
    MemoryOutOfBounds = 2 "out of bounds memory access";
    /// A table instruction outside its table.
    TableOutOfBounds = 3 "out of bounds table access";
    /// `call_indirect` outside its table.
    UndefinedElement = 4 "undefined element";
    /// `call_indirect` of null.
    UninitializedElement = 5 "uninitialized element";
    /// `call_indirect` of a function of another type.
    IndirectCallTypeMismatch = 6 "indirect call type mismatch";
    /// A signed division or conversion whose result has no representation.
    IntegerOverflow = 7 "integer overflow";
    /// Division by zero.
    IntegerDivideByZero = 8 "integer divide by zero";
    /// Conversion of NaN to an integer.
    InvalidConversionToInteger = 9 "invalid conversion to integer";
    /// The stack is used up.
    StackOverflow = 10 "call stack exhausted";
    /// `ref.as_non_null` and its like of null.
    NullReference = 11 "null reference";
    /// An atomic access that is not aligned.
    UnalignedAtomic = 12 "unaligned atomic";
    /// A function that nobody defines was called.
    UndefinedSymbol = 13 "undefined symbol";
    /// A host function failed.
    Host = 14 "host function failed";
    /// The time limit was reached.
    Interrupted = 15 "interrupted";
    /// An exception that nobody caught.
    UncaughtException = 16 "uncaught exception";
    /// `memory.atomic.wait` at a memory that no other thread can have.
    ExpectedSharedMemory = 17 "expected shared memory";
    /// `call_ref` of null.
    NullFunctionReference = 18 "null function reference";
    /// A field of null.
    NullStructureReference = 19 "null structure reference";
    /// An element, or the length, of null.
    NullArrayReference = 20 "null array reference";
    /// The number in null.
    NullI31Reference = 21 "null i31 reference";
    /// `ref.cast` to a type that the reference does not have.
    CastFailure = 22 "cast failure";
    /// An array instruction outside its array.
    ArrayOutOfBounds = 23 "out of bounds array access";
    /// The heap has no room for an object.
    HeapExhausted = 24 "garbage-collected heap exhausted";
}
