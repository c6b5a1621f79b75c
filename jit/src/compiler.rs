//! The compiler: functions of an instance, in parallel, to machine code.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use cranelift_codegen::control::ControlPlane;
use cranelift_codegen::isa::{OwnedTargetIsa, TargetIsa};
use cranelift_codegen::settings;
use cranelift_codegen::{CodegenError, CompiledCode, Context};
use cranelift_frontend::FunctionBuilderContext;
use rayon::prelude::*;
use wasmparser::{BinaryReader, FunctionBody, Operator};

use crate::baseline::{self, Features, Often};
use crate::emit;
use crate::epilogue;
use crate::error::CompileError;
use crate::induction;
use crate::lazy::SomeCode;
use crate::location::{self, Loads};
use crate::processor;
use crate::schedule::{self, Uses};
use crate::stride;
use crate::translate::inline::{Inlined, Policy};
use crate::translate::translate;
use crate::unit::Unit;
use crate::vm::code::Code;
use crate::vm::context::FuncId;
use crate::vm::instance::{Callee, Instance};
use crate::vm::types::{DefinedFuncIndex, FuncIndex};

/// How much work goes into better code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum OptLevel {
    /// As little as possible.
    None,
    /// All of it.
    #[default]
    Speed,
}

/// What a compiler does.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Settings {
    /// How much work goes into better code.
    pub opt_level: OptLevel,
    /// Whether small functions become part of their callers.
    pub is_inlining: bool,
    /// Whether the compiler checks its own intermediate code: for tests.
    pub is_verified: bool,
    /// Whether every NaN that arithmetic gives is the positive canonical one, whatever its operands
    /// were. Otherwise it is what the processor makes of them. Costs a comparison for each.
    pub is_nan_canonical: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            opt_level: OptLevel::default(),
            is_inlining: true,
            is_verified: cfg!(debug_assertions),
            is_nan_canonical: false,
        }
    }
}

/// From this size on, in bytes of wasm, a function without a loop is compiled with as little work
/// as possible. Such a one sets something up, once, and what the allocator of registers does grows
/// faster than its size: one of 427 kB that relocates CPython's data took 0.29 s otherwise.
const STRAIGHT_BYTES_MIN: usize = 64 << 10;

/// Makes machine code for the processor that it runs on.
pub struct Compiler {
    /// Made with the first function that is optimized, as is the next: a start that finds its code
    /// compiled needs neither.
    isa: OnceLock<OwnedTargetIsa>,
    /// For long functions without a loop.
    plain_isa: OnceLock<OwnedTargetIsa>,
    settings: Settings,
    /// Of the processor, for baseline code.
    features: Features,
    fingerprint: OnceLock<String>,
}

impl Compiler {
    /// A compiler for the processor that this runs on.
    pub fn new(settings: &Settings) -> Result<Compiler, CompileError> {
        // Without these, rounding and the like would need functions of a runtime library.
        for (has, name) in [
            (is_x86_feature_detected!("ssse3"), "SSSE3"),
            (is_x86_feature_detected!("sse4.1"), "SSE4.1"),
        ] {
            if !has {
                return Err(CompileError::Processor { missing: name });
            }
        }
        let features = Features {
            has_lzcnt: is_x86_feature_detected!("lzcnt"),
            has_bmi1: is_x86_feature_detected!("bmi1"),
            has_popcnt: is_x86_feature_detected!("popcnt"),
        };
        Ok(Compiler {
            isa: OnceLock::new(),
            plain_isa: OnceLock::new(),
            settings: settings.clone(),
            features,
            fingerprint: OnceLock::new(),
        })
    }

    /// What the code that it makes depends on besides the instance: Cranelift, the settings, the
    /// processor's features.
    pub fn fingerprint(&self) -> &str {
        self.fingerprint.get_or_init(|| {
            let features = processor::features().map(|(name, has)| if has { name } else { "" });
            let version = cranelift_codegen::VERSION;
            let settings = &self.settings;
            format!("{version} {} {settings:?} {STRAIGHT_BYTES_MIN}", features.join(" "))
        })
    }

    /// Compiles all functions that the instance's module defines, in their order.
    pub fn compile(&self, unit: &Unit) -> Result<Vec<Code>, CompileError> {
        let bodies_len = unit.instance().module.bodies.len();
        let all = (0..bodies_len).map(|index| DefinedFuncIndex(index as u32));
        let codes = self.compile_some(unit, &all.collect::<Vec<_>>(), &|_| {})?;
        Ok(codes.into_iter().map(|(_, code)| code).collect())
    }

    /// Compiles these functions. Tells after each, on any thread, how many it was.
    pub fn compile_some(
        &self,
        unit: &Unit,
        functions: &[DefinedFuncIndex],
        progress: &(dyn Fn(usize) + Sync),
    ) -> Result<SomeCode, CompileError> {
        if functions.is_empty() {
            // Asking how many threads there are would start them.
            return Ok(Vec::new());
        }
        let bodies = &unit.instance().module.bodies;
        // The longest first, so that no thread is left alone with one at the end.
        let mut order = functions.to_vec();
        order.sort_by_key(|func| std::cmp::Reverse(bodies[func.index()].len()));
        let (next, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let finished = || progress(done.fetch_add(1, Ordering::Relaxed) + 1);
        let compiled = (0..rayon::current_num_threads().min(order.len()))
            .into_par_iter()
            .with_max_len(1)
            .map(|_| self.compile_in_turn(unit, &order, &next, &finished))
            .collect::<Vec<_>>();

        let mut compiled: Vec<_> = compiled.into_iter().flatten().collect();
        compiled.sort_by_key(|(func, _)| *func);
        // Whatever the threads did first, a module always fails in the same way.
        compiled.into_iter().map(|(func, code)| Ok((func, code?))).collect()
    }

    /// Compiles functions in this order, for as long as no other thread has taken the last.
    fn compile_in_turn(
        &self,
        unit: &Unit,
        order: &[DefinedFuncIndex],
        next: &AtomicUsize,
        finished: &(dyn Fn() + Sync),
    ) -> Vec<(DefinedFuncIndex, Result<Code, CompileError>)> {
        let mut worker = Worker::default();
        let mut compiled = Vec::new();
        while let Some(&func) = order.get(next.fetch_add(1, Ordering::Relaxed)) {
            compiled.push((func, self.compile_with(&mut worker, unit, func)));
            finished();
        }
        compiled
    }

    /// Compiles one function.
    pub fn compile_function(
        &self,
        unit: &Unit,
        func: DefinedFuncIndex,
    ) -> Result<Code, CompileError> {
        self.compile_with(&mut Worker::default(), unit, func)
    }

    /// Whether functions of other instances may become part of an instance's code.
    #[must_use]
    pub fn is_inlining(&self) -> bool {
        self.settings.is_inlining
    }

    fn policy<'a>(&self, unit: &'a Unit) -> Policy<'a> {
        let definitions = self.settings.is_inlining.then(|| unit.definitions());
        Policy { definitions, instance: unit.instance() }
    }

    /// Compiles one function. A mistake of the compiler's is an error too: what is loaded already
    /// goes on, and somebody may wait for this function.
    pub(crate) fn compile_with(
        &self,
        worker: &mut Worker,
        unit: &Unit,
        func: DefinedFuncIndex,
    ) -> Result<Code, CompileError> {
        self.compile_part(worker, unit, func, None)
    }

    /// The rest of a call of the function that is in the loop at this offset of the module: what
    /// baseline code goes on in. Its only argument is that code's frame pointer.
    pub(crate) fn compile_from_loop(
        &self,
        worker: &mut Worker,
        unit: &Unit,
        func: DefinedFuncIndex,
        loop_offset: u32,
    ) -> Result<Code, CompileError> {
        self.compile_part(worker, unit, func, Some(loop_offset))
    }

    fn compile_part(
        &self,
        worker: &mut Worker,
        unit: &Unit,
        func: DefinedFuncIndex,
        loop_offset: Option<u32>,
    ) -> Result<Code, CompileError> {
        let compile = AssertUnwindSafe(|| {
            self.translate(worker, unit, func, loop_offset)?;
            self.emit(worker).map_err(|message| failed(unit.instance(), func, message))
        });
        let code = catch_unwind(compile).unwrap_or_else(|_| {
            Err(failed(unit.instance(), func, "the compiler panicked".to_owned()))
        });
        // Half a function is left in it.
        code.inspect_err(|_| *worker = Worker::default())
    }

    /// Code that is made at once, if the baseline compiler knows all that the function uses.
    /// It asks for better when it has run `often`.
    pub(crate) fn baseline(
        &self,
        unit: &Unit,
        func: DefinedFuncIndex,
        often: Often,
    ) -> Option<Code> {
        if self.settings.is_nan_canonical {
            return None;
        }
        baseline::compile(unit.instance(), func, self.features, often).ok()
    }

    /// The function's intermediate code after optimization, as text.
    pub fn clif(&self, unit: &Unit, func: DefinedFuncIndex) -> Result<String, CompileError> {
        let mut worker = Worker::default();
        self.translate(&mut worker, unit, func, None)?;
        let isa = self.isa_for(worker.is_plain);
        worker
            .context
            .optimize(isa, &mut ControlPlane::default())
            .map_err(|error| failed(unit.instance(), func, error.to_string()))?;
        Ok(worker.context.func.display().to_string())
    }

    /// The function's instructions, as text. Callees have the names that the module gives them.
    pub fn asm(&self, unit: &Unit, func: DefinedFuncIndex) -> Result<String, CompileError> {
        let mut worker = Worker::default();
        self.translate(&mut worker, unit, func, None)?;
        worker.context.set_disasm(true);
        let compiled = self.machine_code(&mut worker);
        let compiled = compiled.map_err(|message| failed(unit.instance(), func, message))?;
        let mut text = compiled.vcode.unwrap_or_default();
        for (reference, name) in worker.context.func.params.user_named_funcs() {
            let callee = callee_name(unit, FuncId(name.index));
            text = text.replace(&format!("User({reference})"), &callee);
        }
        Ok(text)
    }

    fn translate(
        &self,
        worker: &mut Worker,
        unit: &Unit,
        func: DefinedFuncIndex,
        loop_offset: Option<u32>,
    ) -> Result<(), CompileError> {
        worker.context.clear();
        worker.inlined.clear();
        worker.is_plain = self.is_long_and_straight(unit.instance(), func);
        let Worker { context, builder_context, inlined, .. } = worker;
        let into = &mut context.func;
        translate(self.policy(unit), func, loop_offset, self.isa(), into, builder_context, inlined)
            .map_err(|error| failed(unit.instance(), func, error.to_string()))?;
        location::lead_to_traps(into);
        Ok(())
    }

    /// Machine code of the function in the worker's context.
    pub(crate) fn emit(&self, worker: &mut Worker) -> Result<Code, String> {
        epilogue::mark_returns(&mut worker.context.func);
        let compiled = self.machine_code(worker)?;
        let mut code = emit::code(&compiled, &worker.context.func, &worker.inlined)?;
        epilogue::shorten(&compiled, &mut code.bytes);
        Ok(code)
    }

    /// [`Context::compile`], with a look at what optimization left.
    fn machine_code(&self, worker: &mut Worker) -> Result<CompiledCode, String> {
        let isa = self.isa_for(worker.is_plain);
        let Worker { context, inlined, loads, uses, registers, .. } = worker;
        let control = &mut ControlPlane::default();
        context.optimize(isa, control).map_err(|error| describe(&error))?;
        if isa.flags().opt_level() != settings::OptLevel::None {
            induction::compare_next(&mut context.func);
            stride::step_addresses(&mut context.func, &context.cfg);
            schedule::sink_loads(&mut context.func, uses);
            context.verify_if(isa).map_err(|error| describe(&error))?;
        }
        location::follow_loads(&mut context.func, loads, inlined);
        let Context { func, domtree, want_disasm, .. } = context;
        isa.compile_function(func, domtree, registers, *want_disasm, control)
            .map(|compiled| compiled.apply_params(&func.params))
            .map_err(|error| describe(&error))
    }

    pub(crate) fn isa(&self) -> &dyn TargetIsa {
        &**self.isa.get_or_init(|| processor::isa(&self.settings))
    }

    fn isa_for(&self, is_plain: bool) -> &dyn TargetIsa {
        if !is_plain {
            return self.isa();
        }
        &**self.plain_isa.get_or_init(|| {
            processor::isa(&Settings { opt_level: OptLevel::None, ..self.settings.clone() })
        })
    }

    /// Whether a function gets as little work as possible.
    fn is_long_and_straight(&self, instance: &Instance, func: DefinedFuncIndex) -> bool {
        let bytes = instance.module.bodies[func.index()].len();
        bytes >= STRAIGHT_BYTES_MIN && !has_loop(instance, func)
    }
}

/// Whether calls of the function may stand in a loop.
pub(crate) fn has_loop(instance: &Instance, func: DefinedFuncIndex) -> bool {
    let range = instance.module.bodies[func.index()].clone();
    let reader = BinaryReader::new(&instance.module.bytes[range.clone()], range.start as u64);
    let operators = FunctionBody::new(reader).get_operators_reader();
    operators.is_ok_and(|operators| {
        operators.into_iter().any(|operator| matches!(operator, Ok(Operator::Loop { .. })))
    })
}

/// What a thread needs to compile one function after the other.
pub(crate) struct Worker {
    /// Whether the function in `context` gets as little work as possible.
    is_plain: bool,
    pub(crate) context: Context,
    pub(crate) builder_context: FunctionBuilderContext,
    /// What was inlined into the function in `context`.
    inlined: Inlined,
    loads: Loads,
    uses: Uses,
    registers: regalloc2::Ctx,
}

impl Default for Worker {
    fn default() -> Self {
        Worker {
            is_plain: false,
            context: Context::new(),
            builder_context: FunctionBuilderContext::new(),
            inlined: Inlined::default(),
            loads: Loads::default(),
            uses: Uses::default(),
            registers: regalloc2::Ctx::default(),
        }
    }
}

/// The name that the caller's module gives a callee, or the one that an inlined callee's own does.
fn callee_name(unit: &Unit, callee: FuncId) -> String {
    let instance = unit.instance();
    let is_it = |known: &Callee| known.func == callee;
    let imported = instance.imported_functions.iter().position(is_it);
    let imported = imported.map(|position| FuncIndex(position as u32));
    let defined = || {
        let defined = instance.defined(callee)?;
        Some(FuncIndex(instance.module.imported_functions + defined.0))
    };
    if let Some(index) = imported.or_else(defined) {
        return instance.module.func_name(index);
    }
    match unit.definitions().find(callee) {
        Some((definer, index)) => {
            let index = FuncIndex(definer.module.imported_functions + index.0);
            format!("{}!{}", definer.name, definer.module.func_name(index))
        }
        None => format!("function {}", callee.0),
    }
}

pub(crate) fn failed(instance: &Instance, func: DefinedFuncIndex, message: String) -> CompileError {
    let func = FuncIndex(instance.module.imported_functions + func.0);
    CompileError::Function { function: instance.module.func_name(func), message }
}

fn describe(error: &CodegenError) -> String {
    match error {
        CodegenError::Verifier(errors) => format!("the intermediate code is wrong: {errors}"),
        CodegenError::ImplLimitExceeded => "it exceeds a limit of the compiler".to_owned(),
        CodegenError::CodeTooLarge => "its code is too large".to_owned(),
        other => other.to_string(),
    }
}

#[cfg(test)]
pub(crate) mod tests;
