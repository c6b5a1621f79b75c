//! Calls: direct, through a binding that can change, through the process table, into the runtime.

use wasmparser::Operator;

use super::assembler::{Alu, Condition, Gpr, Mem, Shift, Width, Xmm};
use super::operand::{Operand, Place, XMM_SCRATCH};
use super::{Baseline, Slow, Type, Unsupported};
use crate::vm::code::{Relocation, RelocationKind, TrapCode};
use crate::vm::context::{Builtin, VmContext, VmFuncRef};
use crate::vm::instance::TableId;
use crate::vm::types::{FuncIndex, TypeIndex, ValType};

/// Where Cranelift's `tail` convention has arguments, as that of System V: the first of each kind
/// in these, the others on the stack, from which the callee takes them.
pub(super) const ARG_GPRS: [Gpr; 6] = [Gpr::RDI, Gpr::RSI, Gpr::RDX, Gpr::RCX, Gpr::R8, Gpr::R9];
pub(super) const ARG_XMMS: usize = 8;
/// Where it has results.
const RESULT_GPRS: [Gpr; 8] =
    [Gpr::RAX, Gpr::RCX, Gpr::RDX, Gpr::RSI, Gpr::RDI, Gpr::R8, Gpr::R9, Gpr::R10];
const RESULT_XMMS: usize = 8;

/// Where an argument or a result is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Passed {
    Gpr(Gpr),
    Xmm(Xmm),
    /// So many bytes behind the first argument on the stack.
    Stack(i32),
}

/// Where arguments of these types are, and how many bytes of the stack they take.
pub(super) fn arguments(types: &[ValType]) -> Result<(Vec<Passed>, u32), Unsupported> {
    let (mut gprs, mut xmms, mut stack) = (0, 0, 0);
    let mut all = Vec::with_capacity(types.len());
    for ty in types {
        let register = if Type::of(*ty)?.is_float() {
            xmms += 1;
            (xmms <= ARG_XMMS).then(|| Passed::Xmm(Xmm(xmms as u8 - 1)))
        } else {
            gprs += 1;
            ARG_GPRS.get(gprs - 1).map(|register| Passed::Gpr(*register))
        };
        all.push(register.unwrap_or_else(|| {
            stack += 8;
            Passed::Stack(stack - 8)
        }));
    }
    Ok((all, (stack as u32).next_multiple_of(16)))
}

/// Where results of these types are: in registers, or it is not for this compiler.
pub(super) fn results(types: &[ValType]) -> Result<Vec<Passed>, Unsupported> {
    let (mut gprs, mut xmms) = (0, 0);
    let place = |ty: &ValType| {
        if Type::of(*ty)?.is_float() {
            xmms += 1;
            let register = Passed::Xmm(Xmm(xmms as u8 - 1));
            if xmms <= RESULT_XMMS { Ok(register) } else { Err(Unsupported) }
        } else {
            gprs += 1;
            RESULT_GPRS.get(gprs - 1).map(|gpr| Passed::Gpr(*gpr)).ok_or(Unsupported)
        }
    };
    types.iter().map(place).collect()
}

impl Baseline<'_> {
    pub(super) fn call(&mut self, op: &Operator<'_>) -> Result<bool, Unsupported> {
        match op {
            Operator::Call { function_index } => self.call_function(FuncIndex(*function_index))?,
            Operator::CallIndirect { type_index, table_index } => {
                self.call_indirect(TypeIndex(*type_index), *table_index)?;
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn call_function(&mut self, index: FuncIndex) -> Result<(), Unsupported> {
        let ty = self.module.functions[index.index()];
        let callee = self.instance.callee(index);
        let results = self.pass_arguments(ty)?;
        if callee.is_preemptible {
            let code = Mem::at(Gpr::R15, callee.func.offset() + VmFuncRef::CODE);
            self.asm.call(code);
        } else {
            let offset = self.asm.call_later();
            let kind = RelocationKind::Relative32;
            // The distance counts from behind its four bytes.
            let relocation = Relocation { offset, kind, target: callee.func, addend: -4 };
            self.relocations.push(relocation);
        }
        self.note_return();
        self.take_results(ty, &results);
        Ok(())
    }

    fn call_indirect(&mut self, ty: TypeIndex, table: u32) -> Result<(), Unsupported> {
        let place = self.instance.tables[table as usize];
        let is_64 = self.module.tables[table as usize].is_64;
        // A call of a subtype comes back from the runtime, with its arguments: not here.
        let is_final = self.module.declarations[ty.index()].is_final;
        if place.id != TableId::PROCESS || is_64 || !is_final {
            return Err(Unsupported);
        }
        // Registers are for the arguments: the index waits in its slot.
        let height = self.stack.len() - 1;
        let is_constant = matches!(self.stack[height].place, Place::Constant(_));
        if !is_constant && self.stack[height].place != Place::Slot(height as u32) {
            self.spill(height);
        }
        let index = self.pop();
        let results = self.pass_arguments(ty)?;
        let element = Gpr::R11;
        self.load_into(element, index);
        self.asm.shift_imm(Shift::Shl, Width::W64, element, size_of::<VmFuncRef>().ilog2() as u8);
        let table = Mem::at(Gpr::R15, VmContext::TABLE_BASE);
        self.asm.alu(Alu::Add, Width::W64, element, table);
        let expected = self.instance.types[ty.index()].0;
        // It faults where the table ends.
        self.note_trap(TrapCode::UndefinedElement);
        let found = Mem::at(element, VmFuncRef::TYPE_ID);
        self.asm.alu_imm(Alu::Cmp, Width::W32, found, expected.cast_signed());
        let mut slow = self.slow(Slow::IndirectCallFailed { expected });
        self.asm.jump_if(Condition::NotEqual, &mut slow.label);
        self.slow_paths.push(slow);
        self.asm.call(Mem::at(element, VmFuncRef::CODE));
        self.note_return();
        self.take_results(ty, &results);
        Ok(())
    }

    /// Off the main path: the element that r11 points to is not of the expected type. The runtime
    /// does not come back.
    pub(super) fn fail_indirect_call(&mut self, expected: u32, wasm_offset: u32) {
        self.asm.mov(Width::W64, Gpr::RDI, Gpr::R15);
        self.asm.mov(Width::W64, Gpr::RSI, Gpr::R11);
        self.asm.mov_imm(Gpr::RDX, u64::from(expected));
        self.asm.call(Mem::at(Gpr::R15, Builtin::IndirectCallFailed.offset()));
        self.note_location(wasm_offset);
        self.trap_here(TrapCode::IndirectCallTypeMismatch, wasm_offset);
    }

    /// Takes the arguments off the operand stack to where the callee finds them. What stays on it is
    /// in the frame from here on. Gives where results will be.
    fn pass_arguments(&mut self, ty: TypeIndex) -> Result<Vec<Passed>, Unsupported> {
        let ty = &self.module.types[ty.index()];
        let (places, stack_bytes) = arguments(&ty.params)?;
        let results = results(&ty.results)?;
        let args = self.stack.split_off(self.stack.len() - places.len());
        self.save_registers();
        if stack_bytes > 0 {
            self.asm.alu_imm(Alu::Sub, Width::W64, Gpr::RSP, stack_bytes as i32);
        }
        for (arg, place) in args.iter().zip(&places) {
            if let Passed::Stack(offset) = place {
                self.store(Mem::at(Gpr::RSP, *offset), *arg);
            }
        }
        self.move_arguments(&args, &places);
        args.iter().for_each(|arg| self.registers.free(arg.place));
        Ok(results)
    }

    /// Operands in registers go to the frame: a call may change all that they are in.
    fn save_registers(&mut self) {
        for height in 0..self.stack.len() {
            if matches!(self.stack[height].place, Place::Gpr(_) | Place::Xmm(_)) {
                self.spill(height);
            }
        }
    }

    /// To registers: first what is in registers, without overwriting what is still to be moved, then
    /// the rest.
    fn move_arguments(&mut self, args: &[Operand], places: &[Passed]) {
        let mut gprs: Vec<(Gpr, Gpr)> = Vec::with_capacity(ARG_GPRS.len());
        let mut xmms: Vec<(Xmm, Xmm)> = Vec::with_capacity(ARG_XMMS);
        for (arg, place) in args.iter().zip(places) {
            match (arg.place, *place) {
                (Place::Gpr(from), Passed::Gpr(to)) => gprs.push((to, from)),
                (Place::Xmm(from), Passed::Xmm(to)) => xmms.push((to, from)),
                _ => {}
            }
        }
        in_parallel(gprs, Gpr::R11, |to, from| self.asm.mov(Width::W64, to, from));
        in_parallel(xmms, XMM_SCRATCH, |to, from| self.asm.movaps(to, from));
        for (arg, place) in args.iter().zip(places) {
            match (arg.place, *place) {
                (Place::Gpr(_) | Place::Xmm(_), _) => {}
                (_, Passed::Gpr(to)) => self.load_into(to, *arg),
                (_, Passed::Xmm(to)) => self.load_into_xmm(to, *arg),
                (_, Passed::Stack(_)) => {}
            }
        }
    }

    fn take_results(&mut self, ty: TypeIndex, places: &[Passed]) {
        let module = self.module;
        let types = &module.types[ty.index()].results;
        for (ty, place) in types.iter().zip(places) {
            let ty = Type::of(*ty).expect("its place was found");
            match place {
                Passed::Gpr(register) => {
                    if ty == Type::I32 {
                        // Nobody says what is in the upper half.
                        self.asm.mov(Width::W32, *register, *register);
                    }
                    self.push_gpr(ty, *register);
                }
                Passed::Xmm(register) => self.push_xmm(ty, *register),
                Passed::Stack(_) => unreachable!("results are in registers"),
            }
        }
    }

    /// Puts the function's results, the topmost operands, where the caller finds them. They stay what
    /// they are; registers that hold nothing else may change.
    pub(super) fn pass_results(&mut self) {
        let places = std::mem::take(&mut self.results);
        let first = self.stack.len() - places.len();
        let operands = self.stack[first..].to_vec();
        self.move_arguments(&operands, &places);
        self.results = places;
    }

    /// Calls a function of the runtime. A result is in rax.
    pub(super) fn call_builtin(&mut self, builtin: Builtin, args: &[Operand]) {
        self.save_registers();
        let places = ARG_GPRS[1..].iter().map(|register| Passed::Gpr(*register));
        let places: Vec<_> = places.take(args.len()).collect();
        self.move_arguments(args, &places);
        args.iter().for_each(|arg| self.registers.free(arg.place));
        self.asm.mov(Width::W64, Gpr::RDI, Gpr::R15);
        self.asm.call(Mem::at(Gpr::R15, builtin.offset()));
        self.note_return();
    }

    /// A call stands before this: who asks where it is finds the instruction.
    fn note_return(&mut self) {
        self.note_location(self.wasm_offset);
    }
}

/// Moves between registers, as if all were read before any is written.
fn in_parallel<R: Copy + PartialEq>(
    mut moves: Vec<(R, R)>,
    scratch: R,
    mut emit: impl FnMut(R, R),
) {
    moves.retain(|(to, from)| to != from);
    while !moves.is_empty() {
        let is_free = |to: R| moves.iter().all(|(_, from)| *from != to);
        match moves.iter().position(|(to, _)| is_free(*to)) {
            Some(position) => {
                let (to, from) = moves.swap_remove(position);
                emit(to, from);
            }
            None => {
                // All that is left goes in circles: one of them is opened.
                let from = moves[0].1;
                emit(scratch, from);
                moves[0].1 = scratch;
            }
        }
    }
}
