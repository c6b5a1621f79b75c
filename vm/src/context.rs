//! Where compiled code finds things: everything at a fixed distance from the pinned register.
//!
//! ```text
//!             FUNCTIONS       GLOBALS          COUNTERS      VmContext       r15
//! ────────────┬───────────────┬────────────────┬─────────────┬─────────┬─────┬────────────────┬───────┬──────
//!   no access │ VmFuncRef per │ 16 bytes per   │ 4 bytes per │         │ gap │ process memory │ guard │ heap
//!   (null)    │ function      │ mutable global │ function    │         │     │ (4 GiB)        │       │
//! ────────────┴───────────────┴────────────────┴─────────────┴─────────┴─────┴────────────────┴───────┴──────
//! ```
//! A reference to an object of the garbage-collected heap is a quarter of the object's distance
//! from where all of this starts: an access is `[r15 + 4 * reference + constant]`, and one through
//! null (0) lands in the first pages, which nobody can access.
//! The pinned register holds the address of byte 0 of the process memory. The context of the
//! running thread is near, so a memory access is `[r15 + index + offset]` and every field of the
//! context `[r15 - constant]`: one register serves both, and no load stands before an access.

use std::mem::{offset_of, size_of};

use crate::types::TypeId;

/// Bytes reserved below the process memory for context, globals, functions, and what an access
/// through null reaches.
pub const BELOW_MEMORY_BYTES: usize = 0x7000_0000 + NULL_BYTES;
/// Bytes without access behind the address that null stands for. Every field of a struct and the
/// length of an array lie within so many bytes of an object's start.
pub const NULL_BYTES: usize = 0x10_0000;
/// Where the functions start, from the pinned register.
pub const FUNCTIONS_OFFSET: i32 = -0x7000_0000;
/// How many functions a process can have.
pub const FUNCTIONS_MAX: u32 = 0x0400_0000;
/// Where the global slots start, from the pinned register.
pub const GLOBALS_OFFSET: i32 = -0x3000_0000;
/// How many global slots a process can have.
pub const GLOBALS_MAX: u32 = 0x01fe_0000;
/// Bytes without access between the context and the process memory: code that has accessed an index
/// of it knows that what lies up to so many below is in the memory or faults. With 1 MiB the context
/// got in the way of a program's stack in a Zen 5's first cache, which tells lines apart by some bits of
/// their addresses: calls of the runtime took 6 ns longer.
pub const MEMORY_GAP_BYTES: usize = 0x11_0000;
/// Where the context starts, from the pinned register.
pub const CONTEXT_OFFSET: i32 = -((MEMORY_GAP_BYTES + size_of::<VmContext>()) as i32);
/// Where the counters of functions start, from the pinned register.
pub const COUNTERS_OFFSET: i32 = -0x1020_0000;
/// Bytes of a counter.
pub const COUNTER_BYTES: usize = 4;
/// Address space kept behind byte 0 of a 32-bit memory: any 32-bit index plus any 32-bit offset
/// plus the widest access falls inside.
pub const MEMORY_RESERVATION_BYTES: usize = 0x2_0001_0000;
/// Most bytes that a 32-bit memory can have.
pub const MEMORY_BYTES_MAX: usize = 0x1_0000_0000;
/// Bytes below 4 GiB that the process memory never has: code that has accessed an index of it knows
/// that adding up to so many does not wrap.
pub const MEMORY_SLACK_BYTES: usize = 0x10_0000;
/// Most bytes that the process memory can have.
pub const PROCESS_MEMORY_BYTES_MAX: usize = MEMORY_BYTES_MAX - MEMORY_SLACK_BYTES;
/// Where object 0 would be, from the pinned register.
pub const HEAP_BIAS: i32 = -(BELOW_MEMORY_BYTES as i32);
/// Bytes of each of the two halves of the heap.
pub const HEAP_HALF_BYTES: usize = 0xc000_0000;
/// The first reference into the heap. Even numbers below it are the host's.
pub const HEAP_START: u32 = ((BELOW_MEMORY_BYTES + HEAP_FROM_MEMORY) / HEAP_UNIT_BYTES) as u32;
/// What a reference counts in.
pub const HEAP_UNIT_BYTES: usize = 4;
/// Bytes from the process memory to the heap: behind all that an access to memory can reach.
const HEAP_FROM_MEMORY: usize = 0x2_0010_0000;
/// Bytes reserved behind byte 0 of the process memory: its own reservation, and the heap.
pub const FROM_MEMORY_BYTES: usize = HEAP_FROM_MEMORY + 2 * HEAP_HALF_BYTES;
/// Room that a host function finds on the stack, at least.
pub const HOST_STACK_BYTES: usize = 1024 * 1024;

/// A function, canonical over the process: its index among the `VmFuncRef`s. A non-null `funcref`
/// value is this number; null is 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FuncId(pub u32);

impl FuncId {
    /// The null reference.
    pub const NULL: FuncId = FuncId(0);

    /// Where its `VmFuncRef` is, from the pinned register.
    ///
    /// # Panics
    /// If the id is not below [`FUNCTIONS_MAX`]; no process gives out such an id.
    #[must_use]
    pub fn offset(self) -> i32 {
        assert!(self.0 < FUNCTIONS_MAX, "function id {} is out of range", self.0);
        FUNCTIONS_OFFSET + (self.0 * size_of::<VmFuncRef>() as u32).cast_signed()
    }

    /// Where the counter is, from the pinned register, that the function's code counts up until it
    /// is optimized.
    ///
    /// # Panics
    /// If the id is not below [`FUNCTIONS_MAX`]; no process gives out such an id.
    #[must_use]
    pub fn counter_offset(self) -> i32 {
        assert!(self.0 < FUNCTIONS_MAX, "function id {} is out of range", self.0);
        COUNTERS_OFFSET + (self.0 * COUNTER_BYTES as u32).cast_signed()
    }
}

/// A place for a mutable global, private to each thread's context: 16 bytes, 16-aligned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct GlobalSlot(pub u32);

impl GlobalSlot {
    /// Where it is, from the pinned register.
    ///
    /// # Panics
    /// If the slot is not below [`GLOBALS_MAX`]; no process gives out such a slot.
    #[must_use]
    pub fn offset(self) -> i32 {
        assert!(self.0 < GLOBALS_MAX, "global slot {} is out of range", self.0);
        GLOBALS_OFFSET + (self.0 * 16).cast_signed()
    }
}

/// What a function pointer leads to. The array of all of them and the elements of funcref tables
/// have this one shape, so storing a reference in a table copies 16 bytes.
#[repr(C, align(16))]
#[derive(Clone, Copy, Debug)]
pub struct VmFuncRef {
    /// Where it starts. In an empty element: code that traps.
    pub code: usize,
    /// Its type; 0 in an empty element, which equals no type.
    pub type_id: TypeId,
    /// Which function it is; 0 in an empty element.
    pub func: FuncId,
}

impl VmFuncRef {
    /// Offset of `code`.
    pub const CODE: i32 = offset_of!(VmFuncRef, code) as i32;
    /// Offset of `type_id`.
    pub const TYPE_ID: i32 = offset_of!(VmFuncRef, type_id) as i32;
    /// Offset of `func`.
    pub const FUNC: i32 = offset_of!(VmFuncRef, func) as i32;
    /// An element that holds null.
    pub const NULL: VmFuncRef = VmFuncRef { code: 0, type_id: TypeId(0), func: FuncId::NULL };
}
const _: () = assert!(size_of::<VmFuncRef>() == 16);

/// A memory that is not the process memory, or a table that is not the process table, as code
/// sees it: one global slot.
#[repr(C, align(16))]
#[derive(Clone, Copy, Debug)]
pub struct VmDescriptor {
    /// Address of element or byte 0.
    pub base: usize,
    /// Length in bytes (memories) or elements (tables). Of a shared memory: the address of its
    /// length in bytes, which other threads change.
    pub len: u64,
}

impl VmDescriptor {
    /// Offset of `base`.
    pub const BASE: i32 = offset_of!(VmDescriptor, base) as i32;
    /// Offset of `len`.
    pub const LEN: i32 = offset_of!(VmDescriptor, len) as i32;
}

macro_rules! builtins {
    ($($(#[$doc:meta])* $name:ident;)*) => {
        /// Functions of the runtime that compiled code calls through the context, with the
        /// platform's C convention and the context as first argument.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u32)]
        pub enum Builtin { $($(#[$doc])* $name,)* }

        impl Builtin {
            /// How many there are.
            pub const COUNT: usize = [$(Builtin::$name),*].len();
            /// All, in order of their number.
            pub const ALL: [Builtin; Self::COUNT] = [$(Builtin::$name),*];
        }
    };
}

builtins! {
    /// `(ctx, memory: u32, pages: u64) -> u64`: old length in pages, or -1.
    MemoryGrow;
    /// `(ctx, memory: u32, to: u64, value: u32, len: u64)`
    MemoryFill;
    /// `(ctx, to_memory: u32, from_memory: u32, to: u64, from: u64, len: u64)`
    MemoryCopy;
    /// `(ctx, instance: u32, data: u32, memory: u32, to: u64, from_and_len: u64)`:
    /// `from` in the low half, `len` in the high one.
    MemoryInit;
    /// `(ctx, memory: u32, address: u64, expected: u32, timeout_ns: i64) -> u32`
    MemoryWait32;
    /// `(ctx, memory: u32, address: u64, expected: u64, timeout_ns: i64) -> u32`
    MemoryWait64;
    /// `(ctx, memory: u32, address: u64, count: u32) -> u32`: how many were woken.
    MemoryNotify;
    /// `(ctx, instance: u32, data: u32)`
    DataDrop;
    /// `(ctx, table: u32, init: u32, elements: u64) -> u64`: old length, or -1.
    TableGrow;
    /// `(ctx, table: u32, to: u64, init: u32, len: u64)`
    TableFill;
    /// `(ctx, to_table: u32, from_table: u32, to: u64, from: u64, len: u64)`
    TableCopy;
    /// `(ctx, instance: u32, element: u32, table: u32, to: u64, from_and_len: u64)`
    TableInit;
    /// `(ctx, instance: u32, element: u32)`
    ElementDrop;
    /// `(ctx, table: u32, index: u64) -> u32`: `table.get`, any table.
    TableGet;
    /// `(ctx, table: u32, index: u64, value: u32)`: `table.set`, any table.
    TableSet;
    /// `(ctx, element: u64, expected: u32)`: the element at this address does not have the expected
    /// type. Returns if it has a subtype of it, which a final type has none of.
    IndirectCallFailed;
    /// `(ctx, host_function: u32, values: *mut RawValue)`: arguments in, results out.
    HostCall;
    /// `(ctx, tag: u32, values: *const RawValue) -> never`: `throw`. The call is a `try_call` where
    /// the function handles exceptions.
    Throw;
    /// `(ctx, exception: u32) -> never`: `throw_ref` and `rethrow`; null traps.
    ThrowRef;
    /// `(ctx, type: u32) -> u32`: a struct whose fields hold anything yet.
    StructNew;
    /// `(ctx, type: u32, len: u32) -> u32`: an array of zeros.
    ArrayNew;
    /// `(ctx, instance: u32, type: u32, data: u32, from_and_len: u64) -> u32`
    ArrayNewData;
    /// `(ctx, instance: u32, type: u32, element: u32, from_and_len: u64) -> u32`
    ArrayNewElement;
    /// `(ctx, instance: u32, data: u32, array: u32, to: u32, from_and_len: u64)`
    ArrayInitData;
    /// `(ctx, instance: u32, element: u32, array: u32, to: u32, from_and_len: u64)`
    ArrayInitElement;
    /// `(ctx, to_array: u32, to: u32, from_array: u32, from: u32, len: u32)`
    ArrayCopy;
    /// `(ctx, func: u32, in_loop: u32) -> u64`: the function has run often, or the loop at this
    /// offset of its module, which is 0 for none. Gives where the loop goes on with the address of
    /// the frame's end as argument, or 0.
    TierUp;
}

/// Room for builtins in the context: with it the context is a multiple of 64 bytes.
const BUILTINS_MAX: usize = 31;

/// The state of a thread that runs wasm.
#[repr(C, align(64))]
#[derive(Debug)]
pub struct VmContext {
    /// Address of each [`Builtin`]. Longer than their number, so that a new one moves no field: the
    /// fields used most stay close to the pinned register, where displacements are short.
    pub builtins: [usize; BUILTINS_MAX],
    /// The rows of `vm::layout::TypeRow`, by type id.
    pub type_rows: usize,
    /// The reference that the next object gets.
    pub heap_next: u32,
    /// The first reference that no object may end behind without the runtime's help.
    pub heap_limit: u32,
    /// Where the first entry of the PLT leads.
    pub resolver: usize,
    /// The `Process`, 0 when no wasm runs; set at each entry.
    pub process: usize,
    /// The innermost entry from the host that is inside another one (`entry::Activation`), 0 if there is
    /// none.
    pub activation: usize,
    /// Frame pointer of the innermost entry, from which wasm goes back to the host.
    pub entry_fp: usize,
    /// Frame pointer at the last call from wasm to the host, for backtraces.
    pub host_call_fp: usize,
    /// Return address of that call.
    pub host_call_pc: usize,
    /// rbx, r12, r13 and r14 at the last call of a builtin that throws or makes an object: a handler
    /// in the very function that called it finds them again, and they may refer to exceptions.
    pub thrower_registers: [usize; 4],
    /// Below this stack address no host function is called.
    pub stack_limit: usize,
    /// Length of the process table in elements.
    pub table_len: u64,
    /// Length of the process memory in bytes.
    pub memory_len_bytes: u64,
    /// Element 0 of the process table.
    pub table_base: usize,
    /// `__stack_pointer`, shared by all dsos.
    pub stack_pointer: u64,
}

macro_rules! context_offsets {
    ($($(#[$doc:meta])* $name:ident = $field:ident;)*) => {
        impl VmContext {
            $($(#[$doc])*
            pub const $name: i32 = CONTEXT_OFFSET + offset_of!(VmContext, $field) as i32;)*
        }
    };
}

context_offsets! {
    /// `builtins`, from the pinned register.
    BUILTINS = builtins;
    /// `type_rows`, from the pinned register.
    TYPE_ROWS = type_rows;
    /// `heap_next`, from the pinned register.
    HEAP_NEXT = heap_next;
    /// `heap_limit`, from the pinned register.
    HEAP_LIMIT = heap_limit;
    /// `resolver`, from the pinned register.
    RESOLVER = resolver;
    /// `entry_fp`, from the pinned register.
    ENTRY_FP = entry_fp;
    /// `host_call_fp`, from the pinned register.
    HOST_CALL_FP = host_call_fp;
    /// `host_call_pc`, from the pinned register.
    HOST_CALL_PC = host_call_pc;
    /// `thrower_registers`, from the pinned register.
    THROWER_REGISTERS = thrower_registers;
    /// `stack_limit`, from the pinned register.
    STACK_LIMIT = stack_limit;
    /// `table_len`, from the pinned register.
    TABLE_LEN = table_len;
    /// `memory_len_bytes`, from the pinned register.
    MEMORY_LEN_BYTES = memory_len_bytes;
    /// `table_base`, from the pinned register.
    TABLE_BASE = table_base;
    /// `stack_pointer`, from the pinned register.
    STACK_POINTER = stack_pointer;
}

impl Builtin {
    /// Where its address stands, from the pinned register.
    #[must_use]
    pub fn offset(self) -> i32 {
        VmContext::BUILTINS + (self as i32) * size_of::<usize>() as i32
    }
}

const _: () = assert!(Builtin::COUNT <= BUILTINS_MAX);
const _: () = assert!(MEMORY_RESERVATION_BYTES <= HEAP_FROM_MEMORY);
// A reference plus the size of a small object does not overflow.
const _: () = assert!(
    BELOW_MEMORY_BYTES + FROM_MEMORY_BYTES + NULL_BYTES <= (u32::MAX as usize) * HEAP_UNIT_BYTES
);
const _: () = assert!(HEAP_START >> 31 == 1, "a reference differs from every type id");
const _: () = assert!(GLOBALS_OFFSET as i64 + GLOBALS_MAX as i64 * 16 <= COUNTERS_OFFSET as i64);
// They end on a page of their own.
const _: () = assert!(
    COUNTERS_OFFSET as i64 + (FUNCTIONS_MAX as usize * COUNTER_BYTES) as i64 + 0x1000
        <= CONTEXT_OFFSET as i64
);
const _: () = assert!(FUNCTIONS_OFFSET as i64 + FUNCTIONS_MAX as i64 * 16 <= GLOBALS_OFFSET as i64);
