//! The baseline compiler: machine code of a function in one pass over its operators, in a
//! sixteenth of the time that the optimizing compiler takes (`bench/RESULTS.md`).
//!
//! It makes the same kind of code: the wasm signature in Cranelift's `tail` convention, the pinned
//! register, the same traps at the same operators. Locals are in the frame, operands in registers
//! as long as there are some. What it does not know (vectors, references, exceptions, other memories
//! than the process's) is [`Unsupported`], and left to the optimizing compiler.
//!
//! The code counts how often it is called and how often its loops go round, and calls the runtime
//! when that is often: see [`crate::lazy`].

mod assembler;
mod call;
mod control;
mod float;
mod integer;
mod label;
mod memory;
mod operand;
pub mod stub;

use wasmparser::{BinaryReader, FunctionBody, Operator};

use assembler::{Alu, Assembler, Condition, Float, Gpr, Mem, Width, Xmm};
use call::Passed;
use control::Frame;
use label::Label;
use operand::{Operand, Place, Registers};

use crate::vm::code::{CONTINUED, Code, Relocation, TrapCode, TrapSite};
use crate::vm::context::{Builtin, FuncId};
use crate::vm::instance::Instance;
use crate::vm::module::Module;
use crate::vm::types::{DefinedFuncIndex, FuncIndex, ValType};

/// The function uses something that this compiler leaves to the other one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unsupported;

/// Instructions that not every processor has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Features {
    pub has_lzcnt: bool,
    pub has_bmi1: bool,
    pub has_popcnt: bool,
}

/// After how many calls of a function, and rounds of its loops, its code asks for better. Calls
/// and rounds count together: half of both will do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Often {
    pub calls: i32,
    pub rounds: i32,
}

/// Frames from this size on are left to the compiler that probes the stack.
const FRAME_BYTES_MAX: usize = 32 << 10;

/// Functions start at lines of the instruction cache's half.
const ALIGN: u32 = 32;

/// A type that values in this compiler have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Type {
    I32,
    I64,
    F32,
    F64,
}

impl Type {
    fn of(ty: ValType) -> Result<Type, Unsupported> {
        match ty {
            ValType::I32 => Ok(Type::I32),
            ValType::I64 => Ok(Type::I64),
            ValType::F32 => Ok(Type::F32),
            ValType::F64 => Ok(Type::F64),
            ValType::V128 | ValType::Ref(_) => Err(Unsupported),
        }
    }
}

struct Baseline<'a> {
    asm: Assembler,
    features: Features,
    often: Often,
    instance: &'a Instance,
    module: &'a Module,
    func: FuncId,
    locals: Vec<Type>,
    stack: Vec<Operand>,
    registers: Registers,
    /// The blocks around the current operator, the function's own first.
    frames: Vec<Frame>,
    /// Where the function's results go.
    results: Vec<Passed>,
    /// Bytes of arguments that the function takes off the stack.
    args_bytes: u32,
    /// The most operands that there were at a time.
    height_max: usize,
    /// Where the frame's size is to be written.
    frame_sizes: Vec<u32>,
    is_reachable: bool,
    /// How many blocks were entered since control was lost.
    dead_depth: usize,
    /// Of the current operator.
    wasm_offset: u32,
    slow_paths: Vec<SlowPath>,
    relocations: Vec<Relocation>,
    traps: Vec<TrapSite>,
    locations: Vec<(u32, u32)>,
}

/// Code that stands behind the function's main path.
struct SlowPath {
    what: Slow,
    label: Label,
    /// Where the main path goes on.
    back: Label,
    wasm_offset: u32,
}

enum Slow {
    Trap(TrapCode),
    /// A conversion of this number to an integer fails.
    Misfit(Float, Xmm),
    IndirectCallFailed {
        expected: u32,
    },
    /// The function was called often.
    Called,
    /// The loop at this offset went round often.
    Looped {
        offset: u32,
    },
}

/// Compiles one function of a bound instance.
///
/// # Errors
/// If it is for the optimizing compiler.
pub fn compile(
    instance: &Instance,
    func: DefinedFuncIndex,
    features: Features,
    often: Often,
) -> Result<Code, Unsupported> {
    let module = &*instance.module;
    let index = FuncIndex(module.imported_functions + func.0);
    let range = module.bodies[func.index()].clone();
    let reader = BinaryReader::new(&module.bytes[range.clone()], range.start as u64);
    let body = FunctionBody::new(reader);
    let ty = module.func_type(index);
    let (_, args_bytes) = call::arguments(&ty.params)?;
    let mut baseline = Baseline {
        asm: Assembler { bytes: Vec::with_capacity(range.len() * 8) },
        features,
        often,
        instance,
        module,
        func: instance.func(index),
        locals: Vec::new(),
        stack: Vec::new(),
        registers: Registers::default(),
        frames: Vec::new(),
        results: call::results(&ty.results)?,
        args_bytes,
        height_max: 0,
        frame_sizes: Vec::new(),
        is_reachable: true,
        dead_depth: 0,
        wasm_offset: u32::try_from(range.start).map_err(|_| Unsupported)?,
        slow_paths: Vec::new(),
        relocations: Vec::new(),
        traps: Vec::new(),
        locations: Vec::new(),
    };
    baseline.begin_function(&body, &ty.params)?;
    baseline.push_function_frame(&ty.results)?;
    let mut operators = body.get_operators_reader().map_err(|_| Unsupported)?;
    while !operators.eof() {
        let (op, offset) = operators.read_with_offset().map_err(|_| Unsupported)?;
        baseline.wasm_offset = u32::try_from(offset).map_err(|_| Unsupported)?;
        baseline.operator(&op)?;
    }
    baseline.finish()
}

impl Baseline<'_> {
    /// Arguments and locals get their places in the frame.
    fn begin_function(
        &mut self,
        body: &FunctionBody<'_>,
        params: &[ValType],
    ) -> Result<(), Unsupported> {
        for ty in params {
            self.locals.push(Type::of(*ty)?);
        }
        for group in body.get_locals_reader().map_err(|_| Unsupported)? {
            let (count, ty) = group.map_err(|_| Unsupported)?;
            let ty = Type::of(crate::decode::value_type(ty))?;
            if self.locals.len() + count as usize > FRAME_BYTES_MAX / 8 {
                return Err(Unsupported);
            }
            self.locals.extend(std::iter::repeat_n(ty, count as usize));
        }
        self.asm.push(Gpr::RBP);
        self.asm.mov(Width::W64, Gpr::RBP, Gpr::RSP);
        let size = self.asm.alu_imm_later(Alu::Sub, Width::W64, Gpr::RSP);
        self.frame_sizes.push(size);
        let (places, _) = call::arguments(params)?;
        for (index, place) in places.iter().enumerate() {
            let (ty, to) = (self.locals[index], self.local(index as u32));
            match *place {
                Passed::Gpr(register) => self.asm.store(ty.width(), to, register),
                Passed::Xmm(register) => self.asm.store_float(ty.float(), to, register),
                Passed::Stack(offset) => {
                    // Behind the caller's frame pointer and the return address.
                    self.asm.mov(Width::W64, Gpr::R11, Mem::at(Gpr::RBP, 16 + offset));
                    self.asm.store(ty.width(), to, Gpr::R11);
                }
            }
        }
        self.clear_locals(places.len());
        self.count_call();
        Ok(())
    }

    /// Locals behind the parameters are zero.
    fn clear_locals(&mut self, first: usize) {
        let count = self.locals.len() - first;
        if count == 0 {
            return;
        }
        self.asm.mov_imm(Gpr::R11, 0);
        for index in first..self.locals.len() {
            let to = self.local(index as u32);
            self.asm.store(Width::W64, to, Gpr::R11);
        }
    }

    fn operator(&mut self, op: &Operator<'_>) -> Result<(), Unsupported> {
        if !self.is_reachable {
            return self.unreachable_operator(op);
        }
        let looks_at_flags = matches!(
            op,
            Operator::I32Eqz | Operator::BrIf { .. } | Operator::If { .. } | Operator::Select
        );
        if !looks_at_flags {
            self.settle_flags();
        }
        let is_compiled = self.variable(op)?
            || self.integer(op)?
            || self.memory(op)?
            || self.control(op)?
            || self.call(op)?
            || self.float(op);
        if is_compiled { Ok(()) } else { Err(Unsupported) }
    }

    fn variable(&mut self, op: &Operator<'_>) -> Result<bool, Unsupported> {
        match op {
            Operator::LocalGet { local_index } => {
                let ty = self.locals[*local_index as usize];
                self.push(ty, Place::Local(*local_index));
            }
            Operator::LocalSet { local_index } => {
                let value = self.pop();
                self.set_local(*local_index, value);
                self.registers.free(value.place);
            }
            Operator::LocalTee { local_index } => {
                let value = self.pop();
                self.set_local(*local_index, value);
                match value.place {
                    // What is in a register or known need not be read again.
                    Place::Gpr(_) | Place::Xmm(_) | Place::Constant(_) => {
                        self.push(value.ty, value.place);
                    }
                    _ => self.push(value.ty, Place::Local(*local_index)),
                }
            }
            Operator::GlobalGet { global_index } => self.global_get(*global_index)?,
            Operator::GlobalSet { global_index } => self.global_set(*global_index)?,
            Operator::Drop => {
                let dropped = self.pop();
                self.registers.free(dropped.place);
            }
            Operator::Select => self.select(),
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn set_local(&mut self, index: u32, value: Operand) {
        if value.place == Place::Local(index) {
            return;
        }
        self.keep_local(index);
        self.store(self.local(index), value);
    }

    fn select(&mut self) {
        let condition = self.stack.pop().expect("validated: the operand is there");
        // The second is what is taken if the condition is zero.
        let (second, first) = (self.pop(), self.pop());
        let (first_register, second) = if first.ty.is_float() {
            let to = self.take_xmm(first);
            (Place::Xmm(to), second)
        } else {
            let to = self.take(first);
            let second = match second.place {
                Place::Constant(_) => {
                    let register = self.take(second);
                    Operand { place: Place::Gpr(register), ..second }
                }
                _ => second,
            };
            (Place::Gpr(to), second)
        };
        // Up to here nothing has changed the flags.
        self.stack.push(condition);
        let condition = self.pop_condition();
        match first_register {
            Place::Gpr(to) => {
                let from = self.rm(second.place).expect("constants are in a register");
                self.asm.cmov(first.ty.width(), condition.inverted(), to, from);
            }
            Place::Xmm(to) => {
                let is_first = self.asm.skip_if(condition);
                self.load_into_xmm(to, second);
                self.asm.land(is_first);
            }
            _ => unreachable!("it was taken to a register"),
        }
        self.registers.free(second.place);
        self.push(first.ty, first_register);
    }

    /// The function's end: what stands on the stack below its return address stays the caller's.
    fn leave(&mut self) {
        let size = self.asm.alu_imm_later(Alu::Add, Width::W64, Gpr::RSP);
        self.frame_sizes.push(size);
        self.asm.pop(Gpr::RBP);
        self.asm.ret(self.args_bytes as u16);
    }

    fn slow(&self, what: Slow) -> SlowPath {
        let (label, back) = (Label::default(), Label::default());
        SlowPath { what, label, back, wasm_offset: self.wasm_offset }
    }

    /// The next instruction may trap.
    fn note_trap(&mut self, code: TrapCode) {
        self.trap_at(code, self.wasm_offset);
    }

    /// Code here, or a return to here, belongs to the operator at this offset.
    fn note_location(&mut self, wasm_offset: u32) {
        self.locations.push((self.asm.position(), wasm_offset));
    }

    /// Traps.
    fn trap_here(&mut self, code: TrapCode, wasm_offset: u32) {
        self.trap_at(code, wasm_offset);
        self.asm.ud2();
    }

    fn trap_at(&mut self, code: TrapCode, wasm_offset: u32) {
        if self.locations.last().is_some_and(|(at, _)| *at == self.asm.position()) {
            // The address behind a call belongs to the call.
            self.asm.nop();
        }
        let offset = self.asm.position();
        self.traps.push(TrapSite { offset, code });
        self.locations.push((offset, wasm_offset));
    }

    fn finish(mut self) -> Result<Code, Unsupported> {
        for mut path in std::mem::take(&mut self.slow_paths) {
            self.asm.bind(&mut path.label);
            match path.what {
                Slow::Trap(code) => self.trap_here(code, path.wasm_offset),
                Slow::Misfit(float, value) => self.misfit_traps(float, value, path.wasm_offset),
                Slow::IndirectCallFailed { expected } => {
                    self.fail_indirect_call(expected, path.wasm_offset);
                }
                Slow::Called => self.ask(None, path),
                Slow::Looped { offset } => self.ask(Some(offset), path),
            }
        }
        let frame_bytes = 8 * (self.locals.len() + self.height_max);
        if frame_bytes > FRAME_BYTES_MAX {
            return Err(Unsupported);
        }
        for position in std::mem::take(&mut self.frame_sizes) {
            self.asm.patch(position, frame_bytes.next_multiple_of(16) as i32);
        }
        Ok(Code {
            bytes: self.asm.bytes,
            align: ALIGN,
            relocations: self.relocations,
            traps: self.traps,
            locations: self.locations,
            is_provisional: true,
            ..Code::default()
        })
    }

    /// Tells the runtime that the function is worth optimizing. In a loop it may have better code for
    /// the rest of the call, which takes the locals from this frame.
    fn ask(&mut self, in_loop: Option<u32>, mut path: SlowPath) {
        self.asm.mov(Width::W64, Gpr::RDI, Gpr::R15);
        self.asm.mov_imm(Gpr::RSI, u64::from(self.func.0));
        // No loop stands at the start of a module.
        self.asm.mov_imm(Gpr::RDX, u64::from(in_loop.unwrap_or(0)));
        self.asm.call(Mem::at(Gpr::R15, Builtin::TierUp.offset()));
        self.note_location(path.wasm_offset);
        if in_loop.is_some() {
            self.asm.test(Width::W64, Gpr::RAX, Gpr::RAX);
            self.asm.jump_if(Condition::Equal, &mut path.back);
            self.asm.mov(Width::W64, Gpr::RDI, Gpr::RBP);
            self.asm.call(Gpr::RAX);
            self.note_location(CONTINUED);
            // Its results are the function's, and where the caller finds them.
            self.leave();
        } else {
            self.asm.jump(&mut path.back);
        }
    }
}
