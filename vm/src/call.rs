//! Calls from the host into wasm, and what becomes of them when they do not return.

use std::fmt::Write as _;
use std::panic::resume_unwind;
use std::ptr;
use std::sync::Arc;

use crate::code::{CONTINUED, TrapCode};
use crate::context::{FuncId, VmFuncRef};
use crate::departure::{CHAIN_MAX, Chain, Fault};
use crate::entry::{self, Activation, Arguments, Returned};
use crate::error::Error;
use crate::instance::{InstanceId, TableId};
use crate::interrupt::{self, Interrupter};
use crate::process::{Definer, Process};
use crate::signals;
use crate::text::{Location, Owner, Role, Unplaced, Unread};
use crate::trap::{Frame, Stop, Trap};
use crate::types::{DefinedFuncIndex, FuncIndex, TypeId};
use crate::value::{RawValue, Value};

/// Up to so many values go into wasm and out of it without an allocation.
const FEW_VALUES: usize = 8;

/// How many frames a backtrace keeps.
const BACKTRACE_FRAMES_MAX: usize = CHAIN_MAX;

impl Process {
    /// Calls a wasm function.
    ///
    /// # Errors
    /// If the guest exits or traps, or the function was unloaded. The host's own copies of an id are
    /// not known to the process: in time the id can be that of another function.
    ///
    /// # Panics
    /// If `func` never existed, has no code yet, or `args` are not of its parameters' types: the
    /// caller knows the function's type.
    pub fn call(&mut self, func: FuncId, args: &[Value]) -> Result<Vec<Value>, Stop> {
        let VmFuncRef { code, type_id, .. } = self.space.function(func);
        if type_id == TypeId(0)
            && let Some(stop) = self.unloaded(func)
        {
            return Err(stop);
        }
        let name = || self.func_name(func);
        let ty = self.types.get(type_id);
        let ty = ty.unwrap_or_else(|| panic!("`{}` is called but does not exist", name()));
        assert!(code != 0, "`{}` is called before it is linked", name());
        assert!(args.len() == ty.params.len(), "`{}` takes {}", name(), ty);
        let len = ty.params.len().max(ty.results.len());
        let (mut few, mut many) = ([RawValue::ZERO; FEW_VALUES], Vec::new());
        let values = if len <= FEW_VALUES {
            &mut few[..len]
        } else {
            many.resize(len, RawValue::ZERO);
            &mut many[..]
        };
        for ((place, arg), param) in values.iter_mut().zip(args).zip(&ty.params) {
            let lowered = self.lower(*param, *arg);
            *place = lowered.unwrap_or_else(|| panic!("`{}` takes {}", name(), ty));
        }
        let entry = self.entry_trampoline(type_id).map_err(host_failure)?;
        self.enter_with_slots(entry, code, values)?;
        let ty = self.types.get(type_id).map(Arc::clone).expect("types are never given back");
        let results = ty.results.iter().zip(values);
        Ok(results.map(|(ty, raw)| self.lift(*ty, *raw)).collect())
    }

    /// What stops this process's wasm from another thread.
    #[must_use]
    pub fn interrupter(&self) -> Interrupter {
        self.interrupter.clone()
    }

    /// Runs the start function of an instance, if it has one.
    ///
    /// # Errors
    /// If the guest exits or traps.
    pub fn start(&mut self, id: InstanceId) -> Result<(), Stop> {
        let instance = Arc::clone(self.instance(id));
        match instance.module.start {
            Some(start) => self.call(instance.func(start), &[]).map(drop),
            None => Ok(()),
        }
    }

    /// The code that calls functions of this type, made when first needed.
    pub(crate) fn entry_trampoline(&mut self, type_id: TypeId) -> Result<usize, Error> {
        if let Some(entry) = self.entries.get(type_id.index())
            && *entry != 0
        {
            return Ok(*entry);
        }
        let ty = Arc::clone(self.types.get(type_id).expect("the caller looked it up"));
        let func = self.space.add_functions(1)?;
        self.definers.insert(func.0, Definer::Stub);
        let code = self.stubs.entry(&ty);
        let unplaced = Unplaced {
            owner: Owner::Stub,
            role: Role::Final,
            functions: vec![(func, Unread::Here(code))],
        };
        let placed = self.text.place(vec![unplaced], |_| None)?;
        let (_, address) = placed[0];
        self.show_placed(address, |_| format!("host!entry {ty}"));
        self.entries.resize(self.entries.len().max(type_id.index() + 1), 0);
        self.entries[type_id.index()] = address;
        Ok(address)
    }

    /// Enters `code` through the trampoline `entry`. Both are of one type of this process, and
    /// `values` has a slot for each of its parameters and results.
    #[inline(never)]
    pub(crate) fn enter_with_slots(
        &mut self,
        entry: usize,
        code: usize,
        values: &mut [RawValue],
    ) -> Result<(), Stop> {
        let mut arguments = Arguments::new();
        arguments.push_int(code as u64);
        arguments.push_int(values.as_mut_ptr() as u64);
        // SAFETY: `entry` was compiled for the type of `code`, and `values` has a slot for each
        // parameter and result: the callers have both from one `VmFuncRef`.
        unsafe { self.enter(entry, &arguments) }.map(drop)
    }

    /// Enters `code` with `arguments`.
    ///
    /// # Safety
    /// `code` is a function of this process that takes just these, or an entry trampoline with its
    /// own, which are fit for each other.
    #[inline(always)]
    pub(crate) unsafe fn enter(
        &mut self,
        code: usize,
        arguments: &Arguments,
    ) -> Result<Returned, Stop> {
        // SAFETY: this function's duty.
        unsafe {
            match self.is_in_wasm() {
                false => self.enter_outermost(code, arguments),
                true => self.enter_nested(code, arguments),
            }
        }
    }

    /// Whether a host function runs that wasm called.
    #[inline]
    pub(crate) fn is_in_wasm(&self) -> bool {
        self.context().process != 0
    }

    /// [`Process::enter`] where no wasm runs.
    ///
    /// # Safety
    /// As for [`Process::enter`].
    #[inline(always)]
    pub(crate) unsafe fn enter_outermost(
        &mut self,
        code: usize,
        arguments: &Arguments,
    ) -> Result<Returned, Stop> {
        let thread = signals::install().map_err(host_failure)?;
        if self.interrupter.is_pending() && self.interrupter.take() {
            return Err(interrupted());
        }
        let this = ptr::from_mut(self) as usize;
        let (pinned, stack_top) = (self.space.pinned(), self.stack.top());
        self.interrupter.enter(thread);
        let context = self.space.context_address();
        // SAFETY: the context is open as long as the process lives, and written by nobody else here and
        // behind the call. What `code` takes is this function's duty. `pinned` is this process's, whose
        // context names it, and no activation: no wasm runs. Hence nobody is on the stack either, which
        // is the process's own.
        let (returned, outcome) = unsafe {
            (*context).process = this;
            let entered = entry::enter_on(stack_top, code, arguments, pinned);
            (*context).process = 0;
            entered
        };
        self.interrupter.leave();
        if outcome != entry::RETURNED {
            return Err(self.left(outcome));
        }
        Ok(returned)
    }

    /// [`Process::enter`] in a host function, which is on wasm's stack.
    ///
    /// # Safety
    /// As for [`Process::enter`].
    #[inline(always)]
    pub(crate) unsafe fn enter_nested(
        &mut self,
        code: usize,
        arguments: &Arguments,
    ) -> Result<Returned, Stop> {
        if self.interrupter.is_pending() && self.interrupter.take() {
            return Err(interrupted());
        }
        let pinned = self.space.pinned();
        let own_stack = self.stack.readable();
        let context = self.space.context_mut();
        let previous = context.activation;
        let outer_call = (context.host_call_fp, context.host_call_pc);
        let outer_fp = context.entry_fp;
        let mut activation = Activation { previous, outer_fp, outer_call };
        let activation = &raw mut activation as usize;
        // A host function can hand the process to another thread, whose stack has what guard it has.
        if !(own_stack.0..own_stack.1).contains(&activation) {
            return Err(on_another_stack());
        }
        context.activation = activation;
        // SAFETY: what `code` takes is this function's duty. `pinned` is this process's, whose
        // context names it and `activation`. The stack is wasm's: the activation lies on it.
        let (returned, outcome) = unsafe { entry::enter_here(code, arguments, pinned) };
        if outcome != entry::RETURNED {
            return Err(self.left(outcome));
        }
        let context = self.space.context_mut();
        (context.activation, context.entry_fp) = (previous, outer_fp);
        (context.host_call_fp, context.host_call_pc) = outer_call;
        Ok(returned)
    }

    /// Ends the innermost entry, which did not return. Goes on with the panic of a host function, if
    /// that is why.
    #[cold]
    fn left(&mut self, outcome: u64) -> Stop {
        // Where wasm was is told before the activation is taken out: the walk starts from it.
        let stop = match outcome {
            entry::FAULTED => self.faulted(),
            _ => self.raised(),
        };
        let activation = self.context().activation;
        if activation != 0 {
            // SAFETY: the innermost activation is the caller's, whose entry is over and whose frame is
            // not.
            let Activation { previous, outer_fp, outer_call } =
                unsafe { &*(activation as *const Activation) };
            self.set_context(|context| {
                (context.activation, context.entry_fp) = (*previous, *outer_fp);
                (context.host_call_fp, context.host_call_pc) = *outer_call;
            });
        }
        match self.departure.get_mut().panic.take() {
            Some(panic) => resume_unwind(panic),
            None => stop,
        }
    }

    /// What a signal in compiled code means.
    fn faulted(&self) -> Stop {
        let fault = self.departure.get().fault;
        let (code, detail) = self.classify(fault);
        let mut trap = Trap { code, detail, backtrace: Vec::new(), frames_omitted: 0 };
        self.look_at_stack(&mut trap);
        self.walk(&mut trap, true);
        trap.into()
    }

    fn classify(&self, fault: Fault) -> (TrapCode, Option<String>) {
        let is_access = fault.signal == libc::SIGSEGV || fault.signal == libc::SIGBUS;
        if is_access && self.stack.guard_contains(fault.address) {
            return (TrapCode::StackOverflow, None);
        }
        if is_access && self.process_table().contains(fault.address) {
            let index = (fault.address - self.process_table().base()) / size_of::<VmFuncRef>();
            return (TrapCode::UndefinedElement, Some(self.undefined_element(index as u64)));
        }
        if fault.signal == interrupt::SIGNAL {
            return (TrapCode::Interrupted, None);
        }
        let code = self.text.trap_at(fault.pc).unwrap_or_else(|| {
            panic!(
                "signal {} at {:#x} ({:?}), address {:#x}: no trap is known there",
                fault.signal,
                fault.pc,
                self.text.locate(fault.pc, false),
                fault.address,
            )
        });
        if code == TrapCode::MemoryOutOfBounds && is_access {
            return (code, self.out_of_bounds(fault.address));
        }
        (code, None)
    }

    fn out_of_bounds(&self, address: usize) -> Option<String> {
        if let Some(at) = self.space.memory_index(address) {
            let len = self.space.memory_len_bytes();
            return Some(format!("address {at:#x}, the memory has {len:#x} bytes"));
        }
        let memories = self.memories.iter().flatten();
        let memory = memories.into_iter().find(|memory| memory.contains(address))?;
        let (at, len) = (address - memory.base(), memory.len_bytes());
        Some(format!("address {at:#x}, the memory has {len:#x} bytes"))
    }

    /// Says of an access outside a memory that the stack which C has in memory was full, if it was:
    /// it grows down to where the memory starts, and wraps there.
    fn look_at_stack(&self, trap: &mut Trap) {
        let stack_pointer = self.stack_pointer();
        let is_wrapped = stack_pointer > self.space.memory_len_bytes() as u64;
        if trap.code == TrapCode::MemoryOutOfBounds && is_wrapped {
            let detail = trap.detail.get_or_insert_default();
            write!(
                detail,
                "; the stack in memory is full, `__stack_pointer` is {stack_pointer:#x}"
            )
            .expect("a string takes all text");
        }
    }

    fn undefined_element(&self, index: u64) -> String {
        format!("table index {index}, the table has {} elements", self.process_table().len())
    }

    /// What a builtin or host function left.
    fn raised(&mut self) -> Stop {
        let stop = self.departure.get_mut().stop.take().expect("who raises leaves a stop");
        match stop {
            Stop::Trap(mut trap) if trap.backtrace.is_empty() => {
                self.look_at_stack(&mut trap);
                self.walk(&mut trap, false);
                Stop::Trap(trap)
            }
            stop => stop,
        }
    }

    /// Names the wasm frames that were noted when wasm was left, then those of the activations
    /// around the innermost. `is_fault`: the first is an instruction that faulted, not a call.
    pub(crate) fn walk(&self, trap: &mut Trap, is_fault: bool) {
        let chain = &self.departure.get().chain;
        for (position, pc) in chain.pcs().iter().enumerate() {
            let is_return = position > 0 || !is_fault;
            self.push_frame(trap, *pc, is_return);
            if let Some(caller) = self.caller_of_unfinished(chain, *pc, is_return) {
                self.push_frame(trap, caller, true);
            }
        }
        for (pc, count) in chain.further() {
            trap.frames_omitted += count * self.frame_count(*pc, true);
        }
        trap.frames_omitted += chain.uncounted();
        let mut activation = self.context().activation;
        while activation != 0 {
            // SAFETY: the context names the innermost activation, and each names the one around it,
            // further up the stack of this thread: their entries have not returned.
            let Activation { previous, outer_call, .. } =
                unsafe { &*(activation as *const Activation) };
            let (mut fp, mut pc) = *outer_call;
            while self.text.range().contains(&pc) {
                self.push_frame(trap, pc, true);
                (fp, pc) = (self.stack.word(fp).unwrap_or(0), self.stack.word(fp + 8).unwrap_or(0));
            }
            activation = *previous;
        }
    }

    /// Each wasm frame below the host function that runs now, innermost first: its frame pointer,
    /// and where it goes on.
    pub(crate) fn frames(&self) -> Vec<(usize, usize)> {
        let mut frames = Vec::new();
        self.visit_frames(|fp, pc| {
            frames.push((fp, pc));
            true
        });
        frames
    }

    /// Calls `visit` with each of them, as long as it gives true.
    pub(crate) fn visit_frames(&self, mut visit: impl FnMut(usize, usize) -> bool) {
        if !self.is_in_wasm() {
            return;
        }
        let context = self.context();
        let (mut fp, mut pc) = (context.host_call_fp, context.host_call_pc);
        let mut activation = context.activation;
        loop {
            while self.text.range().contains(&pc) {
                if !visit(fp, pc) {
                    return;
                }
                (fp, pc) = (self.stack.word(fp).unwrap_or(0), self.stack.word(fp + 8).unwrap_or(0));
            }
            if activation == 0 {
                return;
            }
            // SAFETY: the context names the innermost activation, and each names the one around it:
            // their entries have not returned, since the host function runs inside them.
            let inner = unsafe { &*(activation as *const Activation) };
            (fp, pc) = inner.outer_call;
            activation = inner.previous;
        }
    }

    /// A function that faults in its first instructions has no frame of its own yet. Its caller's
    /// return address is on top of the stack, or below the frame pointer just pushed; the chain of
    /// frame pointers does not know it.
    fn caller_of_unfinished(&self, chain: &Chain, pc: usize, is_return: bool) -> Option<usize> {
        if !is_return && self.text.plt().contains(pc) {
            return Some(chain.top[self.text.plt().words_pushed(pc)]);
        }
        let location = self.text.locate(pc, is_return).filter(|_| !is_return)?;
        if location.owner == Owner::Thunk {
            return Some(chain.top[0]);
        }
        match location.code_offset {
            0 => Some(chain.top[0]),
            1..4 => Some(chain.top[1]),
            _ => None,
        }
    }

    /// Adds the function at `pc` to the backtrace, behind those that became part of it there.
    fn push_frame(&self, trap: &mut Trap, pc: usize, is_return: bool) {
        // Naming a frame is dear, and a recursion without end has half a million.
        let room = BACKTRACE_FRAMES_MAX - trap.backtrace.len();
        if room == 0 {
            trap.frames_omitted += self.frame_count(pc, is_return);
            return;
        }
        let inlined = self.text.inlined_at(pc, is_return).iter().filter_map(|place| {
            let (id, index) = self.definer(place.func)?;
            Some(self.named_frame(id, index, Some(place.wasm_offset)))
        });
        let mut frames = inlined.chain(self.frame(pc, is_return));
        trap.backtrace.extend(frames.by_ref().take(room));
        trap.frames_omitted += frames.count();
    }

    /// How many frames of wasm functions `push_frame` would add for `pc`.
    fn frame_count(&self, pc: usize, is_return: bool) -> usize {
        let inlined = self.text.inlined_at(pc, is_return).len();
        inlined + usize::from(self.wasm_location(pc, is_return).is_some())
    }

    /// The wasm function at `pc`; `None` for a way in or out, and for what goes on in other code.
    fn wasm_location(&self, pc: usize, is_return: bool) -> Option<(InstanceId, Location)> {
        let location = self.text.locate(pc, is_return)?;
        let Owner::Instance(id) = location.owner else { return None };
        (location.wasm_offset != Some(CONTINUED)).then_some((id, location))
    }

    fn frame(&self, pc: usize, is_return: bool) -> Option<Frame> {
        let (id, location) = self.wasm_location(pc, is_return)?;
        let first = self.entry(id).declared.first_func;
        let func = DefinedFuncIndex(location.func.0 - first.0);
        Some(self.named_frame(id, func, location.wasm_offset))
    }

    /// The instance that defines a function, and which of its functions it is.
    fn definer(&self, func: FuncId) -> Option<(InstanceId, DefinedFuncIndex)> {
        match self.definers.range(..=func.0).next_back()? {
            (first, Definer::Instance(id)) => Some((*id, DefinedFuncIndex(func.0 - first))),
            _ => None,
        }
    }

    fn named_frame(&self, id: InstanceId, func: DefinedFuncIndex, offset: Option<u32>) -> Frame {
        let declared = &self.entry(id).declared;
        let module = &declared.module;
        let body = module.bodies[func.index()].start as u32;
        let func = FuncIndex(func.0 + module.imported_functions);
        let wasm_offset = offset.unwrap_or(body);
        Frame {
            dso: Arc::clone(&declared.name),
            function: module.func_name(func),
            func,
            offset_in_function: wasm_offset.saturating_sub(body),
            wasm_offset,
        }
    }
}

/// A host function's thread enters wasm, which another thread is in.
#[cold]
fn on_another_stack() -> Stop {
    let detail = "wasm is entered by another thread than the one that it called the host on";
    Trap::new(TrapCode::Host, detail).into()
}

/// Somebody asked wasm to stop before it began.
#[cold]
fn interrupted() -> Stop {
    TrapCode::Interrupted.into()
}

/// What the host could not do for a call.
#[cold]
fn host_failure(error: Error) -> Stop {
    Trap::new(TrapCode::Host, error.to_string()).into()
}

/// Whether the element at this address can be called as a function of type `expected`, which is
/// not its type: it may be a subtype.
pub(crate) fn check_indirect_call(
    process: &Process,
    address: usize,
    expected: TypeId,
) -> Result<(), Stop> {
    let tables = (0..).map(TableId).zip(&process.tables);
    let table = tables
        .filter_map(|(id, table)| table.as_ref().map(|table| (id, table)))
        .find(|(_, table)| table.contains(address));
    let Some((id, table)) = table else { return Err(TrapCode::UndefinedElement.into()) };
    let index = (address - table.base()) as u64 / size_of::<VmFuncRef>() as u64;
    let Some(element) = table.get(index) else {
        let detail = format!("table index {index}, the table has {} elements", table.len());
        return Err(Trap::new(TrapCode::UndefinedElement, detail).into());
    };
    if element.type_id == TypeId(0) {
        if let Some(stop) = process.unloaded(element.func).filter(|_| element.func != FuncId::NULL)
        {
            return Err(stop);
        }
        let detail = match process.unloaded.get(&(index as u32)).filter(|_| id == TableId::PROCESS)
        {
            Some(function) => format!("call of `{function}`, which was unloaded"),
            None => format!("table index {index} is null"),
        };
        return Err(Trap::new(TrapCode::UninitializedElement, detail).into());
    }
    if process.types.is_subtype(element.type_id, expected) {
        return Ok(());
    }
    let show = |id| process.types.get(id).map_or_else(String::new, |ty| ty.to_string());
    let detail = format!(
        "expected {}, found `{}` of type {} at table index {index}",
        show(expected),
        process.func_name(element.func),
        show(element.type_id),
    );
    Err(Trap::new(TrapCode::IndirectCallTypeMismatch, detail).into())
}
