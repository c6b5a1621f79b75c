//! Calls from the host into wasm, and what becomes of them when they do not return.

use std::mem::MaybeUninit;
use std::panic::resume_unwind;
use std::ptr;
use std::sync::Arc;

use crate::code::{CONTINUED, TrapCode};
use crate::context::{FuncId, VmFuncRef};
use crate::entry::{self, Activation, CHAIN_MAX, Chain, Fault};
use crate::error::Error;
use crate::instance::{InstanceId, TableId};
use crate::interrupt::{self, Interrupter};
use crate::process::{Definer, Process};
use crate::signals;
use crate::text::{Owner, Role, Unplaced, Unread};
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
        self.enter(entry, code, values)?;
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
            Some(start) => self.call(instance.functions[start.index()].func, &[]).map(drop),
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
    pub(crate) fn enter(
        &mut self,
        entry: usize,
        code: usize,
        values: &mut [RawValue],
    ) -> Result<(), Stop> {
        signals::install().map_err(host_failure)?;
        if self.interrupter.take() {
            return Err(TrapCode::Interrupted.into());
        }
        let text = self.text.range();
        let previous = self.context().activation;
        let outer_call = (self.context().host_call_fp, self.context().host_call_pc);
        let mut chain_room = MaybeUninit::uninit();
        let mut activation = Activation {
            host_sp: 0,
            entry_fp: 0,
            previous,
            outer_call,
            text: (text.start, text.end),
            stack: self.stack.readable(),
            interrupt: self.interrupter.flag(),
            fault: Fault::default(),
            // SAFETY: nobody else has the room, which lives as long as the activation.
            chain: unsafe { Chain::empty(&mut chain_room) },
            stop: None,
            panic: None,
        };
        // The outermost entry starts at the top of wasm's stack; an inner one is on it already.
        let stack_top = if previous == 0 { self.stack.top() } else { 0 };
        let pinned = self.space.pinned();
        let this = ptr::from_mut(self) as usize;
        let activation_address = &raw mut activation;
        self.set_context(|context| {
            context.process = this;
            context.activation = activation_address as usize;
        });
        let outer = signals::set_current(activation_address);
        if previous == 0 {
            self.interrupter.enter(signals::thread_id());
        }
        // SAFETY: `entry` was compiled for the type of `code`, and `values` has a slot for each
        // parameter and result: the callers have both from one `VmFuncRef`. `pinned`
        // is this process's, whose context names `activation` since the line above. The stack is
        // the process's own: a second entry is on it and gets no new top.
        let outcome = unsafe {
            entry::enter(entry, code, values.as_mut_ptr(), pinned, stack_top, activation_address)
        };
        signals::set_current(outer);
        if previous == 0 {
            self.interrupter.leave();
        }
        // Where wasm was is told before the activation is taken out: the walk starts from it.
        let result = match outcome {
            entry::RETURNED => Ok(()),
            entry::FAULTED => Err(self.faulted(&activation)),
            _ => Err(self.raised(&mut activation)),
        };
        self.set_context(|context| {
            context.activation = previous;
            (context.host_call_fp, context.host_call_pc) = outer_call;
        });
        if let Some(panic) = activation.panic {
            resume_unwind(panic);
        }
        result
    }

    /// What a signal in compiled code means.
    fn faulted(&self, activation: &Activation) -> Stop {
        let fault = activation.fault;
        let (code, detail) = self.classify(fault);
        let mut trap = Trap { code, detail, backtrace: Vec::new(), frames_omitted: 0 };
        self.walk(&mut trap, activation, true);
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

    fn undefined_element(&self, index: u64) -> String {
        format!("table index {index}, the table has {} elements", self.process_table().len())
    }

    /// What a builtin or host function left.
    fn raised(&self, activation: &mut Activation) -> Stop {
        let stop = activation.stop.take().expect("who raises leaves a stop");
        match stop {
            Stop::Trap(mut trap) if trap.backtrace.is_empty() => {
                self.walk(&mut trap, activation, false);
                Stop::Trap(trap)
            }
            stop => stop,
        }
    }

    /// Names the wasm frames that were noted when wasm was left, then those of the activations
    /// around this one. `is_fault`: the first is an instruction that faulted, not a call.
    pub(crate) fn walk(&self, trap: &mut Trap, activation: &Activation, is_fault: bool) {
        let chain = &activation.chain;
        for (position, pc) in chain.pcs().iter().enumerate() {
            let is_return = position > 0 || !is_fault;
            self.push_frame(trap, *pc, is_return);
            if let Some(caller) = self.caller_of_unfinished(chain, *pc, is_return) {
                self.push_frame(trap, caller, true);
            }
        }
        trap.frames_omitted += chain.omitted();
        let mut previous = activation.previous;
        let mut outer_call = activation.outer_call;
        while previous != 0 {
            let (mut fp, mut pc) = outer_call;
            while self.text.range().contains(&pc) {
                self.push_frame(trap, pc, true);
                (fp, pc) = (self.stack.word(fp).unwrap_or(0), self.stack.word(fp + 8).unwrap_or(0));
            }
            // SAFETY: `previous` is the activation around this one, further up the stack of this
            // thread: its `enter` has not returned, since this one runs inside it.
            let outer = unsafe { &*(previous as *const Activation) };
            (previous, outer_call) = (outer.previous, outer.outer_call);
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
        let context = self.context();
        let (mut fp, mut pc) = (context.host_call_fp, context.host_call_pc);
        let mut activation = context.activation;
        while activation != 0 {
            while self.text.range().contains(&pc) {
                if !visit(fp, pc) {
                    return;
                }
                (fp, pc) = (self.stack.word(fp).unwrap_or(0), self.stack.word(fp + 8).unwrap_or(0));
            }
            // SAFETY: the context names the innermost activation, and each names the one around
            // it: their `enter`s have not returned, since the host function runs inside them.
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
        match location.code_offset {
            0 => Some(chain.top[0]),
            1..4 => Some(chain.top[1]),
            _ => None,
        }
    }

    fn push_frame(&self, trap: &mut Trap, pc: usize, is_return: bool) {
        // Naming a frame is dear, and a recursion without end has half a million.
        if trap.backtrace.len() < BACKTRACE_FRAMES_MAX {
            let inlined = self.text.inlined_at(pc, is_return).iter();
            let inlined = inlined.filter_map(|place| {
                let (id, index) = self.definer(place.func)?;
                Some(self.named_frame(id, index, Some(place.wasm_offset)))
            });
            trap.backtrace.extend(inlined);
            trap.backtrace.extend(self.frame(pc, is_return));
        } else if self.text.locate(pc, is_return).is_some_and(|at| at.owner != Owner::Stub) {
            trap.frames_omitted += 1;
        }
    }

    /// The wasm function at `pc`; `None` for a way in or out.
    fn frame(&self, pc: usize, is_return: bool) -> Option<Frame> {
        let location = self.text.locate(pc, is_return)?;
        let Owner::Instance(id) = location.owner else { return None };
        if location.wasm_offset == Some(CONTINUED) {
            return None;
        }
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

/// What the host could not do for a call.
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
