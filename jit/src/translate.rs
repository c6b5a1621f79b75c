//! One function: wasm operators to Cranelift IR.

mod array;
mod atomic;
mod bound;
mod bulk;
mod call;
mod control;
mod exception;
pub mod inline;
mod known;
mod memory;
mod near;
mod numeric;
mod object;
mod reference;
mod region;
mod simd;
mod table;
mod variable;

use std::collections::HashMap;
use std::fmt;

use cranelift_codegen::ir::types::{I32, I64};
use cranelift_codegen::ir::{
    self, AbiParam, FuncRef, InstBuilder, MemFlagsData, SigRef, SourceLoc, TrapCode, UserFuncName,
    Value,
};
use cranelift_codegen::isa::TargetIsa;
use cranelift_frontend::{FuncInstBuilder, FunctionBuilder, FunctionBuilderContext, Variable};
use wasmparser::{BinaryReader, FunctionBody, Operator};

use crate::signature;
use crate::translate::control::Frame;
use crate::translate::inline::{Budget, Inlined, OFFSET_MAX, Policy};
use crate::translate::known::Facts;
use crate::translate::region::Region;
use crate::vm;
use crate::vm::context::{Builtin, FuncId};
use crate::vm::instance::{Instance, MemoryId};
use crate::vm::layout::StructLayout;
use crate::vm::module::Module;
use crate::vm::types::{DefinedFuncIndex, FuncIndex, TypeId, ValType};

/// The trap code that Cranelift carries for us; its own codes are mapped when code is emitted.
pub fn trap_code(code: vm::code::TrapCode) -> TrapCode {
    TrapCode::unwrap_user(code as u8)
}

/// Most values that the locals of a function can become at the heads of its loops, each local at
/// each head. One of 50,000 locals and 340 loops takes 250 kB of wasm, and hours to compile; what
/// compilers make has a thousandth of that.
const LOOP_VALUES_MAX: u64 = 1 << 24;
/// Least bytes of a loop: its start, its type, its end.
const LOOP_BYTES_MIN: u64 = 3;

/// Why a valid body is not translated.
pub(crate) enum Untranslated {
    /// It is not a valid one.
    Invalid(wasmparser::Error),
    /// It would become too many values.
    TooLarge { locals: u64, loops: u64 },
}

impl From<wasmparser::Error> for Untranslated {
    fn from(error: wasmparser::Error) -> Self {
        Untranslated::Invalid(error)
    }
}

impl fmt::Display for Untranslated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Untranslated::Invalid(error) => error.fmt(f),
            Untranslated::TooLarge { locals, loops } => write!(
                f,
                "it has {locals} locals in {loops} loops, a product above {LOOP_VALUES_MAX}"
            ),
        }
    }
}

/// An error if the body is larger than what can be compiled in any time.
fn check_size(body: &FunctionBody<'_>) -> Result<(), Untranslated> {
    let counts = body.get_locals_reader()?.into_iter().map(|group| group.map(|group| group.0));
    let locals: u64 = counts.sum::<wasmparser::Result<u32>>()?.into();
    let bytes = body.range().end - body.range().start;
    if locals * (bytes / LOOP_BYTES_MIN) <= LOOP_VALUES_MAX {
        return Ok(());
    }
    let mut loops = 0;
    for operator in body.get_operators_reader()? {
        loops += u64::from(matches!(operator?, Operator::Loop { .. }));
    }
    if locals * loops > LOOP_VALUES_MAX {
        return Err(Untranslated::TooLarge { locals, loops });
    }
    Ok(())
}

/// Translates the body of a function into `func`, which must be empty. With `loop_offset` it is the
/// rest of a call of the function that is in the loop at this offset of the module: its parameter is
/// the frame pointer of baseline code, below which the locals are. On error what is left in
/// `builder_context` is of no use.
pub(crate) fn translate(
    policy: Policy<'_>,
    index: DefinedFuncIndex,
    loop_offset: Option<u32>,
    isa: &dyn TargetIsa,
    func: &mut ir::Function,
    builder_context: &mut FunctionBuilderContext,
    inlined: &mut Inlined,
) -> Result<(), Untranslated> {
    let module = &*policy.instance.module;
    let func_index = FuncIndex(module.imported_functions + index.0);
    let ty = module.func_type(func_index);
    let id = policy.instance.func(func_index);
    func.signature = signature::wasm(ty);
    if loop_offset.is_some() {
        func.signature.params = vec![AbiParam::new(I64)];
    }
    func.name = UserFuncName::user(0, id.0);

    let range = module.bodies[index.index()].clone();
    let reader = BinaryReader::new(&module.bytes[range.clone()], range.start as u64);
    let body = FunctionBody::new(reader);
    check_size(&body)?;

    let builder = FunctionBuilder::new(func, builder_context);
    let budget = Budget::new(id, range.len());
    let mut translator = Translator::new(policy, budget, inlined, builder);
    match loop_offset {
        None => translator.begin(ty, &body)?,
        Some(offset) => translator.begin_in_loop(offset, ty, &body)?,
    }
    let mut operators = body.get_operators_reader()?;
    while !operators.eof() {
        let (op, offset) = operators.read_with_offset()?;
        translator.builder.set_srcloc(source_location(offset));
        translator.offset = offset;
        translator.operator(&op);
    }
    translator.builder.seal_all_blocks();
    translator.builder.finalize(isa.frontend_config());
    Ok(())
}

/// Offsets in files beyond some GiB are not told apart: they serve messages only.
fn source_location(offset: u64) -> SourceLoc {
    SourceLoc::new(u32::try_from(offset).unwrap_or(OFFSET_MAX).min(OFFSET_MAX))
}

/// The region of the process memory.
pub fn process_memory(func: &mut ir::Function) -> ir::AliasRegion {
    Region::Memory(MemoryId::PROCESS).declare(func)
}

struct Translator<'a> {
    builder: FunctionBuilder<'a>,
    policy: Policy<'a>,
    budget: Budget,
    inlined: &'a mut Inlined,
    scope: Scope<'a>,
    /// The operand stack.
    stack: Vec<Value>,
    /// The blocks around the current operator, the function's own first.
    frames: Vec<Frame>,
    /// What is known of references.
    facts: Facts,
    /// Layouts of the structs that the function uses.
    layouts: HashMap<TypeId, StructLayout>,
    /// Of the current operator, in the module of the function itself.
    offset: u64,
    /// The loop that the function starts in, where that is not its first instruction.
    start: Option<Start>,
    /// Whether control can get to the current operator. Where it cannot, nothing is translated.
    is_reachable: bool,
    /// How many blocks were entered since control was lost.
    dead_depth: usize,
    /// Whether the function calls nothing.
    is_leaf: bool,
    /// The pinned register's value, where it was read: see [`Translator::context`].
    pinned: Option<Value>,
    /// Variables of inlined bodies that have ended; of each its type, and whether the collector has
    /// to know of it.
    spare_variables: Vec<(Variable, (ir::Type, bool))>,
    /// Indices of the process memory that were accessed in this block.
    indices: Vec<near::Index>,
    callees: HashMap<FuncId, FuncRef>,
    signatures: HashMap<TypeId, SigRef>,
    builtins: [Option<SigRef>; Builtin::COUNT],
}

/// Where a function goes on that was running: see [`translate`].
struct Start {
    offset: u64,
    header: ir::Block,
}

/// What the indices of a body mean: that of the function itself, or of one that is inlined.
struct Scope<'a> {
    instance: &'a Instance,
    module: &'a Module,
    locals: Vec<(Variable, ValType)>,
    /// How many blocks are around the body.
    frames_base: usize,
    /// The legacy `try` blocks of the body, in order.
    legacy_tries: Vec<exception::LegacyTry>,
    /// How many of them were met.
    legacy_tries_seen: usize,
}

impl<'a> Scope<'a> {
    fn new(instance: &'a Instance) -> Self {
        Scope {
            instance,
            module: &instance.module,
            locals: Vec::new(),
            frames_base: 0,
            legacy_tries: Vec::new(),
            legacy_tries_seen: 0,
        }
    }
}

impl<'a> Translator<'a> {
    fn new(
        policy: Policy<'a>,
        budget: Budget,
        inlined: &'a mut Inlined,
        builder: FunctionBuilder<'a>,
    ) -> Self {
        Translator {
            builder,
            policy,
            budget,
            inlined,
            scope: Scope::new(policy.instance),
            stack: Vec::new(),
            frames: Vec::new(),
            facts: Facts::default(),
            layouts: HashMap::new(),
            offset: 0,
            start: None,
            is_reachable: true,
            dead_depth: 0,
            is_leaf: false,
            pinned: None,
            spare_variables: Vec::new(),
            indices: Vec::new(),
            callees: HashMap::new(),
            signatures: HashMap::new(),
            builtins: [None; Builtin::COUNT],
        }
    }

    /// Makes the entry block: parameters and locals get their variables.
    fn begin(
        &mut self,
        ty: &vm::types::FuncType,
        body: &FunctionBody<'_>,
    ) -> wasmparser::Result<()> {
        let entry = self.builder.create_block();
        self.builder.append_block_params_for_function_params(entry);
        self.enter(entry);
        self.builder.seal_block(entry);
        self.is_leaf = call::is_leaf(self.policy, body)?;
        self.scope.legacy_tries = exception::legacy_tries(body)?;
        if self.is_leaf {
            // In the entry block, so that it serves all others.
            self.context();
        }

        let params = self.builder.block_params(entry).to_vec();
        self.declare_locals(&params, ty, body)?;
        self.push_function_frame(ty);
        Ok(())
    }

    /// As [`Translator::begin`], for the rest of a call that is in a loop. What stands before the loop
    /// is translated as what nothing leads to.
    fn begin_in_loop(
        &mut self,
        offset: u32,
        ty: &vm::types::FuncType,
        body: &FunctionBody<'_>,
    ) -> wasmparser::Result<()> {
        let entry = self.builder.create_block();
        self.builder.append_block_params_for_function_params(entry);
        self.enter(entry);
        self.builder.seal_block(entry);
        self.scope.legacy_tries = exception::legacy_tries(body)?;
        let frame = self.builder.block_params(entry)[0];
        let mut params = Vec::with_capacity(ty.params.len());
        for (at, ty) in (1..).zip(&ty.params) {
            let flags = self.trusted(Region::Frame);
            params.push(self.ins().load(signature::value_type(*ty), flags, frame, -8 * at));
        }
        self.declare_locals(&params, ty, body)?;
        for at in ty.params.len()..self.scope.locals.len() {
            let (variable, ty) = self.scope.locals[at];
            let flags = self.trusted(Region::Frame);
            let below = -8 * (at as i32 + 1);
            let value = self.ins().load(signature::value_type(ty), flags, frame, below);
            self.builder.def_var(variable, value);
        }
        let header = self.builder.create_block();
        self.ins().jump(header, &[]);
        self.start = Some(Start { offset: offset.into(), header });
        let nowhere = self.builder.create_block();
        self.builder.seal_block(nowhere);
        self.enter(nowhere);
        self.push_function_frame(ty);
        Ok(())
    }

    fn declare_local(&mut self, ty: ValType) -> Variable {
        let kind = (signature::value_type(ty), self.bound(ty).is_some());
        let spare = self.spare_variables.iter().position(|(_, its_kind)| *its_kind == kind);
        let variable = match spare {
            Some(position) => self.spare_variables.swap_remove(position).0,
            None => self.builder.declare_var(kind.0),
        };
        if spare.is_none() && kind.1 {
            self.builder.declare_var_needs_stack_map(variable);
        }
        self.scope.locals.push((variable, ty));
        variable
    }

    /// Ends an inlined body: what comes next may have its variables. Each of them costs memory for
    /// every block of the function, and bodies set theirs before they read them.
    fn leave_scope(&mut self, outer: Scope<'a>) {
        for (variable, ty) in std::mem::take(&mut self.scope.locals) {
            let kind = (signature::value_type(ty), self.bound(ty).is_some());
            self.spare_variables.push((variable, kind));
        }
        self.scope = outer;
    }

    /// The value of the pinned register: the address of byte 0 of the process memory, with the
    /// context below it.
    ///
    /// Reading it is a move between registers, which costs next to nothing, while keeping the copy
    /// costs a register and, across a call, a callee-saved one or a spill. So a function that
    /// calls nothing reads it once, and others once per block and after each call. Against one
    /// read per function that makes the code of a C library 4 % smaller, of a C++ library 8 %.
    fn context(&mut self) -> Value {
        if let Some(known) = self.pinned {
            return known;
        }
        let value = self.builder.ins().get_pinned_reg(I64);
        self.pinned = Some(value);
        value
    }

    /// Notes that what registers hold now is expensive to keep.
    fn forget_context(&mut self) {
        if !self.is_leaf {
            self.pinned = None;
            self.indices.clear();
        }
    }

    /// Goes on in a block that only the current one leads to.
    fn enter_next(&mut self, block: ir::Block) {
        let indices = std::mem::take(&mut self.indices);
        self.enter(block);
        self.indices = indices;
    }

    /// Goes on in another block.
    fn enter(&mut self, block: ir::Block) {
        self.builder.switch_to_block(block);
        self.forget_context();
        self.indices.clear();
    }

    fn operator(&mut self, op: &Operator<'_>) {
        if !self.is_reachable {
            self.unreachable_operator(op);
            return;
        }
        let is_translated = self.control(op)
            || self.variable(op)
            || self.memory(op)
            || self.numeric(op)
            || self.call(op)
            || self.simd(op)
            || self.bulk(op)
            || self.atomic(op)
            || self.table(op)
            || self.object(op)
            || self.array(op)
            || self.reference(op)
            || self.exception(op);
        assert!(is_translated, "decoding lets no such operator pass: {op:?}");
    }

    fn push(&mut self, value: Value) {
        self.stack.push(value);
    }

    fn pop(&mut self) -> Value {
        self.stack.pop().expect("validated: the operand is there")
    }

    fn pop2(&mut self) -> (Value, Value) {
        let second = self.pop();
        (self.pop(), second)
    }

    fn pop3(&mut self) -> (Value, Value, Value) {
        let third = self.pop();
        let (first, second) = self.pop2();
        (first, second, third)
    }

    /// The topmost `count` operands, in the order in which they were pushed.
    fn peek_n(&self, count: usize) -> &[Value] {
        &self.stack[self.stack.len() - count..]
    }

    fn pop_n(&mut self, count: usize) -> Vec<Value> {
        self.stack.split_off(self.stack.len() - count)
    }

    fn ins(&mut self) -> FuncInstBuilder<'_, 'a> {
        self.builder.ins()
    }

    /// Replaces the topmost operand.
    fn unary(&mut self, make: impl FnOnce(FuncInstBuilder<'_, 'a>, Value) -> Value) {
        let operand = self.pop();
        let result = make(self.builder.ins(), operand);
        self.push(result);
    }

    /// Replaces the two topmost operands.
    fn binary(&mut self, make: impl FnOnce(FuncInstBuilder<'_, 'a>, Value, Value) -> Value) {
        let (left, right) = self.pop2();
        let result = make(self.builder.ins(), left, right);
        self.push(result);
    }

    fn zero(&mut self, ty: ir::Type) -> Value {
        match ty {
            ir::types::F32 => self.ins().f32const(0.0),
            ir::types::F64 => self.ins().f64const(0.0),
            ty if ty.is_vector() => self.vector_constant(&[0; 16]),
            ty => self.ins().iconst(ty, 0),
        }
    }

    /// A small unsigned number as an immediate.
    fn imm32(&mut self, value: u32) -> Value {
        self.ins().iconst(I32, i64::from(value))
    }

    /// An index or length as 64 bits.
    fn widen(&mut self, value: Value) -> Value {
        if self.builder.func.dfg.value_type(value) == I64 {
            value
        } else {
            self.ins().uextend(I64, value)
        }
    }

    /// A 64-bit result of the runtime as an index type has it.
    fn narrow(&mut self, value: Value, is_64: bool) -> Value {
        if is_64 { value } else { self.ins().ireduce(I32, value) }
    }

    /// Flags of an access that cannot fault.
    fn trusted(&mut self, region: Region) -> MemFlagsData {
        let region = region.declare(self.builder.func);
        MemFlagsData::trusted().with_alias_region(Some(region))
    }

    /// Flags of a load that cannot fault and gives the same value for as long as the function
    /// runs.
    fn constant(&mut self, region: Region) -> MemFlagsData {
        self.trusted(region).with_readonly().with_can_move()
    }
}

/// A type as the parser gives it.
fn decoded_type(ty: wasmparser::ValType) -> ValType {
    crate::decode::value_type(ty)
}
