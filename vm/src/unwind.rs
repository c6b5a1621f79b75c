//! Throwing: from the call that threw outwards to the first handler that takes the exception.

use std::arch::naked_asm;
use std::mem::offset_of;

use crate::code::TrapCode;
use crate::context::VmContext;
use crate::error::Error;
use crate::instance::TagId;
use crate::process::Process;
use crate::trap::{Stop, Trap};
use crate::value::{RawValue, Value};

/// A call that is under way: the caller's frame pointer, and the return address.
type Call = (usize, usize);

/// A handler with the machine state that it continues in.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub(crate) struct Landing {
    pc: usize,
    sp: usize,
    fp: usize,
    pinned: usize,
    /// Reference to the exception.
    exception: usize,
    /// Address of its values.
    values: usize,
    /// rbx, r12, r13, r14.
    registers: [usize; 4],
}

impl Process {
    /// How many exceptions are alive, or not known to be dead.
    #[must_use]
    pub fn exceptions_len(&self) -> usize {
        self.exceptions.len()
    }

    /// Tag and values of an exception. References among them to objects are no handles:
    /// [`Process::exception_values`] gives those.
    #[must_use]
    pub fn exception(&self, handle: u32) -> Option<(TagId, &[RawValue])> {
        self.exceptions.get(handle)
    }

    /// The values of an exception, with new handles for references to objects.
    #[must_use]
    pub fn exception_values(&mut self, handle: u32) -> Option<Vec<Value>> {
        let (tag, values) = self.exceptions.get(handle)?;
        let values = values.to_vec();
        let ty = std::sync::Arc::clone(self.types.get(self.tags[tag.0 as usize])?);
        Some(ty.params.iter().zip(values).map(|(ty, raw)| self.lift(*ty, raw)).collect())
    }

    /// A new exception with `values` for the parameters of `tag`. The host holds a reference to it:
    /// end that with [`Process::release_exception`], or return it as [`Stop::Exception`].
    pub fn add_exception(&mut self, tag: TagId, values: &[RawValue]) -> u32 {
        let mut values: Box<[RawValue]> = values.into();
        let ty = self.types.get(self.tags[tag.0 as usize]).map(std::sync::Arc::clone);
        for (value, ty) in values.iter_mut().zip(ty.iter().flat_map(|ty| &ty.params)) {
            if self.types.is_managed(*ty) {
                let bits = self.handles.get(value.u32()).expect("the host still has the reference");
                *value = bits.into();
            }
        }
        let handle = self.exceptions.add(tag, values);
        self.exceptions.hold(handle, true);
        handle
    }

    /// The host does not refer to this exception any longer.
    pub fn release_exception(&mut self, handle: u32) {
        self.exceptions.hold(handle, false);
    }

    /// The number of values that an exception with this tag has.
    pub(crate) fn tag_arity(&self, tag: TagId) -> usize {
        let ty = self.types.get(self.tags[tag.0 as usize]);
        ty.map_or(0, |ty| ty.params.len())
    }

    /// Makes the exception that wasm throws; dead ones are collected first when there are many.
    /// Wasm's part of the stack starts above `stack`.
    ///
    /// # Errors
    /// If the system has no memory for the objects that are alive.
    pub(crate) fn throw(
        &mut self,
        tag: TagId,
        values: Box<[RawValue]>,
        stack: usize,
    ) -> Result<u32, Error> {
        let handle = self.exceptions.add(tag, values);
        let is_stressed = self.heap.is_stressed() && self.heap.has_exceptions;
        if self.exceptions.is_collection_due() || is_stressed {
            let mut roots = self.exception_roots(stack);
            roots.push(handle);
            if self.heap.has_exceptions {
                self.collect_with_exceptions(roots, 0)?;
            } else {
                self.collect_exceptions(roots);
            }
        }
        Ok(handle)
    }

    /// Every word that may be a reference to an exception: in the registers that wasm expects back,
    /// on the stack from `stack` outwards, in globals and tables.
    pub(crate) fn exception_roots(&self, stack: usize) -> Vec<u32> {
        let mut roots = Vec::new();
        let context = self.context();
        let mut add = |word: usize| roots.extend([word as u32, (word >> 32) as u32]);
        context.thrower_registers.into_iter().for_each(&mut add);
        let mut at = stack.next_multiple_of(8);
        while let Some(word) = self.stack.word(at) {
            add(word);
            at += 8;
        }
        roots.extend(self.space.globals().map(|value| value.u32()));
        for table in self.tables.iter().flatten() {
            if table.ty.element.heap == crate::types::HeapType::Exn {
                roots.extend((0..table.len()).filter_map(|i| table.get(i)).map(|e| e.func.0));
            }
        }
        roots
    }

    /// The first handler for the exception outwards from `call`, up to this activation's entry: its
    /// address, its stack and its frame pointer. The calls on the way are noted with the exception.
    fn find_handler(&mut self, handle: u32, (mut fp, mut pc): Call) -> Option<[usize; 3]> {
        let (tag, passed) = self.exceptions.unwinding(handle)?;
        let calls_len = passed.calls().len();
        while self.text.range().contains(&pc) {
            passed.push(fp, pc);
            if let Some((handler, frame_bytes)) = self.text.handler_at(pc, tag) {
                passed.fp = fp;
                return Some([handler, fp - frame_bytes, fp]);
            }
            let word = |address| self.stack.word(address).unwrap_or(0);
            (fp, pc) = (word(fp), word(fp + 8));
        }
        passed.rewind(calls_len);
        None
    }

    /// Where the exception goes on, or how wasm ends if nobody in this activation takes it. `trap`
    /// tells where it was thrown, if it has come out of an inner activation.
    pub(crate) fn unwind(&mut self, handle: u32, trap: Option<Box<Trap>>) -> Result<Landing, Stop> {
        let Some((tag, values)) = self.exceptions.get(handle) else {
            return Err(TrapCode::NullReference.into());
        };
        let values = values.as_ptr() as usize;
        let context = self.context();
        let call = (context.host_call_fp, context.host_call_pc);
        if let Some([pc, sp, fp]) = self.find_handler(handle, call) {
            return Ok(Landing {
                pc,
                sp,
                fp,
                pinned: self.space.pinned(),
                exception: handle as usize,
                values,
                registers: self.context().thrower_registers,
            });
        }
        // Nobody here. Around this activation may be a host function that passes it on.
        let trap = trap.unwrap_or_else(|| {
            let mut trap = Trap::new(TrapCode::UncaughtException, format!("tag {}", tag.0));
            if let Some((_, passed)) = self.exceptions.unwinding(handle) {
                self.departure.get_mut().note_thrown(passed, call);
            }
            self.walk(&mut trap, false);
            Box::new(trap)
        });
        self.exceptions.hold(handle, true);
        Err(Stop::Exception { handle, trap })
    }
}

/// Continues in a handler.
///
/// # Safety
/// `landing` came from [`Process::unwind`] on this thread in this activation, and no frame between
/// here and the handler's owns anything.
#[unsafe(naked)]
pub(crate) unsafe extern "C" fn resume(landing: *const Landing) -> ! {
    naked_asm!(
        "mov rax, [rdi + {exception}]",
        "mov rdx, [rdi + {values}]",
        "mov rbx, [rdi + {registers}]",
        "mov r12, [rdi + {registers} + 8]",
        "mov r13, [rdi + {registers} + 16]",
        "mov r14, [rdi + {registers} + 24]",
        "mov r15, [rdi + {pinned}]",
        "mov rcx, [rdi + {pc}]",
        "mov rbp, [rdi + {fp}]",
        "mov rsp, [rdi + {sp}]",
        "jmp rcx",
        exception = const offset_of!(Landing, exception),
        values = const offset_of!(Landing, values),
        registers = const offset_of!(Landing, registers),
        pinned = const offset_of!(Landing, pinned),
        pc = const offset_of!(Landing, pc),
        fp = const offset_of!(Landing, fp),
        sp = const offset_of!(Landing, sp),
    )
}

const _: () = assert!(offset_of!(VmContext, thrower_registers) % 8 == 0);
