//! Atomic instructions: each is one of the machine's, but for waiting and notifying, which the
//! runtime does.

use cranelift_codegen::ir::types::{I8, I16, I32, I64};
use cranelift_codegen::ir::{AtomicRmwOp, InstBuilder, MemFlagsData, Type, Value};
use wasmparser::{MemArg, MemArgTarget, Operator};

use super::{Translator, trap_code};
use crate::vm::code::TrapCode;
use crate::vm::context::Builtin;

/// What an atomic access does.
#[derive(Clone, Copy)]
enum Kind {
    Load,
    Store,
    Modify(AtomicRmwOp),
    CompareExchange,
}

/// An atomic access.
struct Shape<'a> {
    kind: Kind,
    memarg: &'a MemArg,
    /// The type of its operands and result.
    wide: Type,
    /// The type of what it accesses.
    narrow: Type,
}

/// One row per kind: its instructions by width.
macro_rules! shapes {
    ($op:ident: $($kind:expr => $i32:ident $i32_8:ident $i32_16:ident
        $i64:ident $i64_8:ident $i64_16:ident $i64_32:ident;)*) => {
        match $op {
            $(
                Operator::$i32 { memarg } => Some(($kind, memarg, I32, I32)),
                Operator::$i32_8 { memarg } => Some(($kind, memarg, I32, I8)),
                Operator::$i32_16 { memarg } => Some(($kind, memarg, I32, I16)),
                Operator::$i64 { memarg } => Some(($kind, memarg, I64, I64)),
                Operator::$i64_8 { memarg } => Some(($kind, memarg, I64, I8)),
                Operator::$i64_16 { memarg } => Some(($kind, memarg, I64, I16)),
                Operator::$i64_32 { memarg } => Some(($kind, memarg, I64, I32)),
            )*
            _ => None,
        }
    };
}

#[rustfmt::skip]
fn shape<'a>(op: &'a Operator<'_>) -> Option<Shape<'a>> {
    use AtomicRmwOp::{Add, And, Or, Sub, Xchg, Xor};
    let shape = shapes! { op:
        Kind::Load => I32AtomicLoad I32AtomicLoad8U I32AtomicLoad16U
            I64AtomicLoad I64AtomicLoad8U I64AtomicLoad16U I64AtomicLoad32U;
        Kind::Store => I32AtomicStore I32AtomicStore8 I32AtomicStore16
            I64AtomicStore I64AtomicStore8 I64AtomicStore16 I64AtomicStore32;
        Kind::Modify(Add) => I32AtomicRmwAdd I32AtomicRmw8AddU I32AtomicRmw16AddU
            I64AtomicRmwAdd I64AtomicRmw8AddU I64AtomicRmw16AddU I64AtomicRmw32AddU;
        Kind::Modify(Sub) => I32AtomicRmwSub I32AtomicRmw8SubU I32AtomicRmw16SubU
            I64AtomicRmwSub I64AtomicRmw8SubU I64AtomicRmw16SubU I64AtomicRmw32SubU;
        Kind::Modify(And) => I32AtomicRmwAnd I32AtomicRmw8AndU I32AtomicRmw16AndU
            I64AtomicRmwAnd I64AtomicRmw8AndU I64AtomicRmw16AndU I64AtomicRmw32AndU;
        Kind::Modify(Or) => I32AtomicRmwOr I32AtomicRmw8OrU I32AtomicRmw16OrU
            I64AtomicRmwOr I64AtomicRmw8OrU I64AtomicRmw16OrU I64AtomicRmw32OrU;
        Kind::Modify(Xor) => I32AtomicRmwXor I32AtomicRmw8XorU I32AtomicRmw16XorU
            I64AtomicRmwXor I64AtomicRmw8XorU I64AtomicRmw16XorU I64AtomicRmw32XorU;
        Kind::Modify(Xchg) => I32AtomicRmwXchg I32AtomicRmw8XchgU I32AtomicRmw16XchgU
            I64AtomicRmwXchg I64AtomicRmw8XchgU I64AtomicRmw16XchgU I64AtomicRmw32XchgU;
        Kind::CompareExchange => I32AtomicRmwCmpxchg I32AtomicRmw8CmpxchgU I32AtomicRmw16CmpxchgU
            I64AtomicRmwCmpxchg I64AtomicRmw8CmpxchgU I64AtomicRmw16CmpxchgU I64AtomicRmw32CmpxchgU;
    };
    shape.map(|(kind, memarg, wide, narrow)| Shape { kind, memarg, wide, narrow })
}

impl Translator<'_> {
    pub(super) fn atomic(&mut self, op: &Operator<'_>) -> bool {
        match op {
            Operator::AtomicFence { .. } => {
                self.ins().fence();
            }
            Operator::MemoryAtomicNotify { memarg } => self.notify(memarg),
            Operator::MemoryAtomicWait32 { memarg } => {
                self.wait(Builtin::MemoryWait32, memarg, 4);
            }
            Operator::MemoryAtomicWait64 { memarg } => {
                self.wait(Builtin::MemoryWait64, memarg, 8);
            }
            op => match shape(op) {
                Some(shape) => self.atomic_access(&shape),
                None => return false,
            },
        }
        true
    }

    fn atomic_access(&mut self, shape: &Shape<'_>) {
        let Shape { kind, memarg, wide, narrow } = *shape;
        let old = match kind {
            Kind::Load => {
                let (address, flags) = self.atomic_address(memarg, narrow);
                self.ins().atomic_load(narrow, flags, address)
            }
            Kind::Store => {
                let value = self.pop_narrow(narrow);
                let (address, flags) = self.atomic_address(memarg, narrow);
                self.ins().atomic_store(flags, value, address);
                return;
            }
            Kind::Modify(op) => {
                let value = self.pop_narrow(narrow);
                let (address, flags) = self.atomic_address(memarg, narrow);
                self.ins().atomic_rmw(narrow, flags, op, address, value)
            }
            Kind::CompareExchange => {
                let value = self.pop_narrow(narrow);
                let expected = self.pop_narrow(narrow);
                let (address, flags) = self.atomic_address(memarg, narrow);
                self.ins().atomic_cas(flags, address, expected, value)
            }
        };
        let old = if wide == narrow { old } else { self.ins().uextend(wide, old) };
        self.push(old);
    }

    /// Pops an operand and gives as much of it as is accessed.
    fn pop_narrow(&mut self, narrow: Type) -> Value {
        let value = self.pop();
        if self.builder.func.dfg.value_type(value) == narrow {
            value
        } else {
            self.ins().ireduce(narrow, value)
        }
    }

    /// Pops the index of an access and gives the address it means, aligned for `ty`. What is both
    /// unaligned and out of bounds is unaligned: so the threads proposal has it for instructions
    /// that read and write, and it leaves the order open for others.
    fn atomic_address(&mut self, memarg: &MemArg, ty: Type) -> (Value, MemFlagsData) {
        if ty != I8 {
            self.trap_unless_index_aligned(memarg, ty.bytes());
        }
        let access = self.access(memarg, ty.bytes());
        let address = match access.offset {
            0 => access.address,
            offset => self.ins().iadd_imm_s(access.address, i64::from(offset)),
        };
        (address, access.flags)
    }

    /// Traps unless the index on the stack and the offset make a multiple of `size`, whatever the
    /// sum is otherwise.
    fn trap_unless_index_aligned(&mut self, memarg: &MemArg, size: u32) {
        let index = self.pop();
        self.push(index);
        let address = match memarg.offset & u64::from(size - 1) {
            0 => index,
            offset => self.ins().iadd_imm_u(index, offset.cast_signed()),
        };
        self.trap_unless_aligned(address, size);
    }

    fn trap_unless_aligned(&mut self, address: Value, size: u32) {
        let below = self.ins().band_imm_u(address, i64::from(size - 1));
        self.ins().trapnz(below, trap_code(TrapCode::UnalignedAtomic));
    }

    fn notify(&mut self, memarg: &MemArg) {
        let count = self.pop();
        let (memory, address) = self.word(memarg, 4);
        let memory = self.memory_id(memory);
        let woken = self.call_builtin(Builtin::MemoryNotify, &[memory, address, count]);
        self.push(woken.expect("`MemoryNotify` has a result"));
    }

    fn wait(&mut self, builtin: Builtin, memarg: &MemArg, size: u32) {
        let (expected, timeout) = self.pop2();
        let (memory, address) = self.word(memarg, size);
        if !self.scope.module.memories[memory as usize].is_shared {
            self.trap_unless_aligned(address, size);
            self.ins().trap(trap_code(TrapCode::ExpectedSharedMemory));
            self.lose_control();
            return;
        }
        let memory = self.memory_id(memory);
        let outcome = self.call_builtin(builtin, &[memory, address, expected, timeout]);
        self.push(outcome.expect("waiting has a result"));
    }

    /// Pops an index and gives the memory and the place in it. The runtime checks that it is
    /// inside.
    fn word(&mut self, memarg: &MemArg, size: u32) -> (u32, Value) {
        let MemArgTarget::Memory(memory) = memarg.target else {
            unreachable!("decoding lets no access to arrays pass");
        };
        if memarg.offset != 0 && self.scope.module.memories[memory as usize].is_64 {
            // The sum can be too large for the runtime to see.
            self.trap_unless_index_aligned(memarg, size);
        }
        let index = self.pop();
        let index = self.widen(index);
        if memarg.offset == 0 {
            return (memory, index);
        }
        let offset = self.ins().iconst(I64, memarg.offset.cast_signed());
        let trap = cranelift_codegen::ir::TrapCode::HEAP_OUT_OF_BOUNDS;
        (memory, self.ins().uadd_overflow_trap(index, offset, trap))
    }
}
