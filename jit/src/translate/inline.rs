//! Small functions become part of their callers, wherever they are defined: a binding that is final
//! may be looked through.
//!
//! A call is inlined by translating the callee's body in its place. So a body is inlined without
//! having been compiled before, needs no copying of intermediate code, and keeps the place of each of
//! its instructions for backtraces; what comes after knows nothing of it.

use cranelift_codegen::ir::{SourceLoc, TrapCode, Value};
use wasmparser::{BinaryReader, FunctionBody, Operator};

use super::{Scope, Translator};
use crate::signature::value_type;
use crate::vm::context::FuncId;
use crate::vm::instance::{Definitions, Instance};
use crate::vm::types::{DefinedFuncIndex, FuncIndex};

/// Most bytes of a body that is inlined.
const BODY_BYTES_MAX: usize = 100;
/// Most instructions of a body that calls nothing; constants, locals and ends of blocks are free.
const LEAF_COST_MAX: u32 = 20;
/// The same for one that calls something.
const WRAPPER_COST_MAX: u32 = 6;
/// Most locals of a body besides its parameters.
const LOCALS_MAX: u32 = 8;
/// Most parameters and results of a function that is inlined: each of its calls handles them all.
const VALUES_MAX: usize = 16;
/// How often a function may be in itself: a call of it in so many then is one.
const RECURSION_MAX: usize = 2;
/// How deep inlined bodies may be inside each other.
pub const DEPTH_MAX: usize = 3;
/// Bytes of inlined bodies that every function may have; a long one may have as many as its own.
const BUDGET_BYTES_MIN: usize = 600;
/// So many bytes of a body that calls nothing are about as much code as the call: they cost nothing.
const CALL_BYTES: usize = 20;

/// Source locations from here on are positions in [`Inlined::sources`]. No file that is told apart by
/// location is so long.
const FIRST_SOURCE: u32 = 0xe000_0000;
/// Greatest location that is an offset in the file of the function itself.
pub const OFFSET_MAX: u32 = FIRST_SOURCE - 1;
/// Sources that are told apart in one function; the rest are taken for the last.
const SOURCES_MAX: usize = 0x1000_0000;

/// An instruction of an inlined body.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    /// The function that it belongs to.
    pub func: FuncId,
    /// Its offset in that function's file.
    pub wasm_offset: u32,
    /// The location of the call that was inlined.
    call: SourceLoc,
}

/// What a source location stands for, if it is none in the function's own file.
#[derive(Clone, Copy, Debug)]
enum Source {
    /// An instruction of an inlined body.
    Inlined(Place),
    /// An instruction into which a load is merged.
    Merged {
        /// Why the load traps.
        trap: TrapCode,
        load: SourceLoc,
        own: SourceLoc,
    },
}

/// What was inlined into one function.
#[derive(Debug, Default)]
pub struct Inlined {
    sources: Vec<Source>,
    /// How many calls were.
    pub calls: u32,
}

impl Inlined {
    /// Forgets all, for the next function.
    pub fn clear(&mut self) {
        self.sources.clear();
        self.calls = 0;
    }

    /// The inlined instructions at a location, innermost first, and the offset of the outermost call
    /// in the function's own file.
    pub fn resolve(&self, mut location: u32) -> (Vec<Place>, u32) {
        let mut places = Vec::new();
        loop {
            match self.source(location) {
                Some(Source::Inlined(place)) => {
                    places.push(place);
                    location = place.call.bits();
                }
                Some(Source::Merged { own, .. }) => location = own.bits(),
                None => return (places, location),
            }
        }
    }

    /// The location of what traps like this at a location.
    pub fn trapping(&self, location: u32, code: TrapCode) -> u32 {
        match self.source(location) {
            Some(Source::Merged { trap, load, .. }) if trap == code => load.bits(),
            _ => location,
        }
    }

    /// A location of an instruction into which a load that so traps may be merged.
    pub fn either(&mut self, trap: TrapCode, load: SourceLoc, own: SourceLoc) -> SourceLoc {
        self.location(Source::Merged { trap, load, own })
    }

    fn source(&self, location: u32) -> Option<Source> {
        self.sources.get(location.checked_sub(FIRST_SOURCE)? as usize).copied()
    }

    fn location(&mut self, source: Source) -> SourceLoc {
        if self.sources.len() < SOURCES_MAX {
            self.sources.push(source);
        }
        SourceLoc::new(FIRST_SOURCE + self.sources.len() as u32 - 1)
    }
}

/// Who may be inlined.
#[derive(Clone, Copy)]
pub struct Policy<'a> {
    /// Where other instances' functions are found; `None` inlines nothing.
    pub definitions: Option<&'a Definitions>,
    /// The instance that is compiled.
    pub instance: &'a Instance,
}

/// A body that may be inlined.
struct Candidate<'a> {
    instance: &'a Instance,
    func: FuncId,
    index: FuncIndex,
    body: FunctionBody<'a>,
    len: usize,
    is_leaf: bool,
}

impl<'a> Policy<'a> {
    /// Whether a call of this function is none once it is inlined.
    pub fn is_free(&self, instance: &'a Instance, callee: FuncIndex) -> bool {
        self.candidate(instance, callee, None).is_some_and(|candidate| candidate.is_leaf)
    }

    /// What is called, if its body is known, bound for good and small. A caller that calls itself is
    /// looked at with other eyes: it is small even if it has a loop.
    fn candidate(
        &self,
        instance: &'a Instance,
        callee: FuncIndex,
        caller: Option<FuncId>,
    ) -> Option<Candidate<'a>> {
        let definitions = self.definitions?;
        let callee = instance.callee(callee);
        if callee.is_preemptible {
            return None;
        }
        let (definer, defined) = self
            .instance
            .defined(callee.func)
            .map(|defined| (self.instance, defined))
            .or_else(|| definitions.find(callee.func))?;
        let body = body(definer, defined).filter(|body| body.range().len() <= BODY_BYTES_MAX)?;
        let is_recursive = caller == Some(callee.func);
        let is_leaf = if is_recursive {
            is_recursion(&body).ok()?.then_some(false)?
        } else {
            judge(&body).ok()??
        };
        let index = FuncIndex(definer.module.imported_functions + defined.0);
        let ty = definer.module.func_type(index);
        if ty.params.len() + ty.results.len() > VALUES_MAX {
            return None;
        }
        Some(Candidate {
            instance: definer,
            func: callee.func,
            index,
            len: body.range().len(),
            body,
            is_leaf,
        })
    }
}

impl Candidate<'_> {
    /// Bytes of the budget that it takes. One that calls something takes all its bytes: what it calls
    /// may be inlined too, several times over.
    fn cost(&self) -> usize {
        if self.is_leaf { self.len.saturating_sub(CALL_BYTES) } else { self.len }
    }
}

fn body(instance: &Instance, index: DefinedFuncIndex) -> Option<FunctionBody<'_>> {
    let module = &*instance.module;
    let range = module.bodies.get(index.index())?.clone();
    let reader = BinaryReader::new(&module.bytes[range.clone()], range.start as u64);
    Some(FunctionBody::new(reader))
}

trait RangeLen {
    fn len(&self) -> usize;
}

impl RangeLen for std::ops::Range<u64> {
    fn len(&self) -> usize {
        (self.end - self.start) as usize
    }
}

/// Whether a function that calls itself may become part of itself.
fn is_recursion(body: &FunctionBody<'_>) -> wasmparser::Result<bool> {
    for op in body.get_operators_reader()? {
        if is_kept(&op?) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Whether an instruction keeps its function from being inlined: a tail call must leave no frame, and
/// a handler makes its function save registers.
fn is_kept(op: &Operator<'_>) -> bool {
    matches!(
        op,
        Operator::ReturnCall { .. }
            | Operator::ReturnCallIndirect { .. }
            | Operator::ReturnCallRef { .. }
            | Operator::Try { .. }
            | Operator::TryTable { .. }
            | Operator::Throw { .. }
            | Operator::ThrowRef
            | Operator::Rethrow { .. }
    )
}

/// `None` for a body that is not inlined, else whether it calls nothing.
fn judge(body: &FunctionBody<'_>) -> wasmparser::Result<Option<bool>> {
    let mut locals = 0_u32;
    for local in body.get_locals_reader()? {
        let (count, _) = local?;
        locals = locals.saturating_add(count);
    }
    let (mut cost, mut is_leaf) = (0, true);
    let mut operators = body.get_operators_reader()?;
    while !operators.eof() {
        match operators.read()? {
            Operator::Nop
            | Operator::Block { .. }
            | Operator::End
            | Operator::Drop
            | Operator::LocalGet { .. }
            | Operator::LocalSet { .. }
            | Operator::LocalTee { .. }
            | Operator::I32Const { .. }
            | Operator::I64Const { .. } => {}
            // A loop costs more than the call.
            Operator::Loop { .. } => return Ok(None),
            op if is_kept(&op) => return Ok(None),
            Operator::BrTable { targets } => cost += 1 + targets.len(),
            op => {
                is_leaf &= !super::call::is_call(&op);
                cost += 1;
            }
        }
    }
    let cost_max = if is_leaf { LEAF_COST_MAX } else { WRAPPER_COST_MAX };
    Ok((cost <= cost_max && locals <= LOCALS_MAX).then_some(is_leaf))
}

/// What a function may still inline.
pub struct Budget {
    bytes: usize,
    /// The functions that are being translated, outermost first.
    active: Vec<FuncId>,
}

impl Budget {
    /// That of a function with so many bytes of body.
    pub fn new(func: FuncId, body_len: usize) -> Self {
        Budget { bytes: body_len.max(BUDGET_BYTES_MIN), active: vec![func] }
    }

    fn allows(&self, candidate: &Candidate<'_>) -> bool {
        // `active` holds the function itself too.
        self.active.len() <= DEPTH_MAX
            && candidate.cost() <= self.bytes
            && self.inside(candidate.func)
                < if self.is_recursive(candidate.func) { RECURSION_MAX } else { 1 }
    }

    /// Whether a function is the only one that is being translated.
    fn is_recursive(&self, func: FuncId) -> bool {
        self.active.iter().all(|active| *active == func)
    }

    fn inside(&self, func: FuncId) -> usize {
        self.active.iter().filter(|active| **active == func).count()
    }
}

impl<'a> Translator<'a> {
    /// Translates a callee in place of a call of it, if it is one to be inlined.
    pub(super) fn inline(&mut self, callee: FuncIndex) -> bool {
        let caller = self.budget.active[0];
        let caller = self.budget.is_recursive(caller).then_some(caller);
        let Some(candidate) = self.policy.candidate(self.scope.instance, callee, caller) else {
            return false;
        };
        if !self.budget.allows(&candidate) {
            return false;
        }
        self.budget.bytes -= candidate.cost();
        self.budget.active.push(candidate.func);
        self.inlined.calls += 1;
        let translated = self.inline_body(&candidate);
        translated.expect("validated: the body can be read");
        self.budget.active.pop();
        true
    }

    fn inline_body(&mut self, candidate: &Candidate<'a>) -> wasmparser::Result<()> {
        let ty = candidate.instance.module.func_type(candidate.index);
        let args = self.pop_n(ty.params.len());
        let call = self.builder.srcloc();
        let outer = std::mem::replace(&mut self.scope, Scope::new(candidate.instance));
        self.scope.frames_base = self.frames.len();
        self.declare_locals(&args, ty, &candidate.body)?;
        self.push_function_frame(ty);
        let mut operators = candidate.body.get_operators_reader()?;
        while !operators.eof() {
            let (op, offset) = operators.read_with_offset()?;
            let wasm_offset = u32::try_from(offset).unwrap_or(u32::MAX);
            let place = Place { func: candidate.func, wasm_offset, call };
            let location = self.inlined.location(Source::Inlined(place));
            self.builder.set_srcloc(location);
            self.operator(&op);
        }
        self.leave_scope(outer);
        self.builder.set_srcloc(call);
        Ok(())
    }

    /// A variable for each parameter, which starts as its argument, and for each local.
    pub(super) fn declare_locals(
        &mut self,
        args: &[Value],
        ty: &crate::vm::types::FuncType,
        body: &FunctionBody<'_>,
    ) -> wasmparser::Result<()> {
        for (param, value) in ty.params.iter().zip(args) {
            let variable = self.declare_local(*param);
            self.builder.def_var(variable, *value);
        }
        for local in body.get_locals_reader()? {
            let (count, ty) = local?;
            let ty = super::decoded_type(ty);
            let zero = self.zero(value_type(ty));
            for _ in 0..count {
                let variable = self.declare_local(ty);
                self.builder.def_var(variable, zero);
            }
        }
        Ok(())
    }
}
