//! Blocks and branches. Where control can come from several places, all operands are constants or in
//! their slots: so nothing has to be made equal there.

use wasmparser::{BlockType, BrTable, Operator};

use super::assembler::{Alu, Assembler, Condition, Gpr, Mem, Shift, Width};
use super::label::Label;
use super::operand::{Operand, Place};
use super::{Baseline, Slow, Type, Unsupported};
use crate::vm::code::TrapCode;
use crate::vm::types::ValType;

/// A block that the current operator is inside of.
pub(super) struct Frame {
    kind: FrameKind,
    /// Where a branch to it goes: of a loop to its start, else to its end.
    label: Label,
    /// Height of the operand stack below its parameters.
    height: usize,
    params: Vec<Type>,
    results: Vec<Type>,
}

enum FrameKind {
    Block,
    Loop,
    /// Where control goes if the condition is zero.
    If(Label),
}

impl Frame {
    /// What a branch to it takes along.
    fn arity(&self) -> usize {
        match self.kind {
            FrameKind::Loop => self.params.len(),
            _ => self.results.len(),
        }
    }
}

impl Baseline<'_> {
    pub(super) fn push_function_frame(&mut self, results: &[ValType]) -> Result<(), Unsupported> {
        let results = types(results)?;
        let (kind, label) = (FrameKind::Block, Label::default());
        self.frames.push(Frame { kind, label, height: 0, params: Vec::new(), results });
        Ok(())
    }

    pub(super) fn control(&mut self, op: &Operator<'_>) -> Result<bool, Unsupported> {
        match op {
            Operator::Nop => {}
            Operator::Unreachable => {
                self.trap_here(TrapCode::Unreachable, self.wasm_offset);
                self.lose_control();
            }
            Operator::Block { blockty } => self.begin(*blockty, FrameKind::Block)?,
            Operator::Loop { blockty } => self.begin_loop(*blockty)?,
            Operator::If { blockty } => self.begin_if(*blockty)?,
            Operator::Else => self.begin_else(),
            Operator::End => self.end(),
            Operator::Br { relative_depth } => {
                self.branch(*relative_depth);
                self.lose_control();
            }
            Operator::BrIf { relative_depth } => self.branch_if(*relative_depth),
            Operator::BrTable { targets } => self.branch_table(targets)?,
            Operator::Return => {
                self.branch(self.frames.len() as u32 - 1);
                self.lose_control();
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Where control is lost, only the nesting of blocks matters.
    pub(super) fn unreachable_operator(&mut self, op: &Operator<'_>) -> Result<(), Unsupported> {
        match op {
            Operator::Block { .. } | Operator::Loop { .. } | Operator::If { .. } => {
                self.dead_depth += 1;
            }
            Operator::Else if self.dead_depth == 0 => self.begin_else(),
            Operator::End if self.dead_depth == 0 => self.end(),
            Operator::End => self.dead_depth -= 1,
            // Their ends look the same.
            Operator::TryTable { .. } | Operator::Try { .. } => return Err(Unsupported),
            _ => {}
        }
        Ok(())
    }

    fn lose_control(&mut self) {
        self.is_reachable = false;
        self.dead_depth = 0;
    }

    fn begin(&mut self, ty: BlockType, kind: FrameKind) -> Result<(), Unsupported> {
        let (params, results) = self.block_types(ty)?;
        self.flush(params.len());
        let height = self.stack.len() - params.len();
        self.frames.push(Frame { kind, label: Label::default(), height, params, results });
        Ok(())
    }

    fn begin_loop(&mut self, ty: BlockType) -> Result<(), Unsupported> {
        self.begin(ty, FrameKind::Loop)?;
        let frame = self.frames.last_mut().expect("it was just begun");
        self.asm.bind(&mut frame.label);
        self.count_round();
        Ok(())
    }

    fn begin_if(&mut self, ty: BlockType) -> Result<(), Unsupported> {
        let condition = self.pop_condition();
        let mut otherwise = Label::default();
        let (params, _) = self.block_types(ty)?;
        self.flush(params.len());
        self.asm.jump_if(condition.inverted(), &mut otherwise);
        self.begin(ty, FrameKind::If(otherwise))
    }

    fn begin_else(&mut self) {
        let mut frame = self.frames.pop().expect("validated: `else` is in an `if`");
        if self.is_reachable {
            self.flush(frame.results.len());
            self.asm.jump(&mut frame.label);
        }
        let FrameKind::If(mut otherwise) = std::mem::replace(&mut frame.kind, FrameKind::Block)
        else {
            unreachable!("validated: `else` is in an `if`");
        };
        self.asm.bind(&mut otherwise);
        self.truncate(frame.height);
        self.push_in_slots(&frame.params);
        self.frames.push(frame);
        self.is_reachable = true;
    }

    fn end(&mut self) {
        if matches!(self.frames.last().map(|frame| &frame.kind), Some(FrameKind::If(_))) {
            // A missing `else` passes the parameters on: they have the types of the results.
            self.begin_else();
        }
        let mut frame = self.frames.pop().expect("validated: `end` closes a block");
        if self.frames.is_empty() {
            return self.end_function(frame);
        }
        let is_branched_to = !matches!(frame.kind, FrameKind::Loop) && frame.label.is_awaited();
        if !is_branched_to && self.is_reachable {
            // The results are on the stack, wherever they are.
            return;
        }
        if self.is_reachable {
            self.flush(frame.results.len());
        }
        self.truncate(frame.height);
        if is_branched_to {
            self.asm.bind(&mut frame.label);
            self.push_in_slots(&frame.results);
            self.is_reachable = true;
        }
    }

    /// All returns meet here.
    fn end_function(&mut self, mut frame: Frame) {
        if self.is_reachable {
            self.pass_results();
        }
        self.asm.bind(&mut frame.label);
        self.leave();
        self.is_reachable = false;
    }

    fn push_in_slots(&mut self, types: &[Type]) {
        for ty in types {
            let height = self.stack.len() as u32;
            self.push(*ty, Place::Slot(height));
        }
    }

    /// The condition under which the topmost operand, which is dropped, is not zero. Whatever changes
    /// no flags may stand before it is used.
    pub(super) fn pop_condition(&mut self) -> Condition {
        let operand = self.pop();
        match operand.place {
            Place::Flags(condition) => return condition,
            Place::Gpr(register) => {
                self.asm.test(Width::W32, register, register);
                self.registers.free_gpr(register);
            }
            Place::Constant(_) => {
                self.load_into(Gpr::R11, operand);
                self.asm.test(Width::W32, Gpr::R11, Gpr::R11);
            }
            place => {
                let place = self.rm(place).expect("all else was looked at");
                self.asm.alu_imm(Alu::Cmp, Width::W32, place, 0);
            }
        }
        Condition::NotEqual
    }

    /// Operands that the branch takes along go to their places, and control to the target. What is
    /// on the stack stays what it is.
    fn branch(&mut self, depth: u32) {
        let position = self.frames.len() - 1 - depth as usize;
        if position == 0 {
            self.pass_results();
        } else {
            let frame = &self.frames[position];
            let (arity, height) = (frame.arity(), frame.height);
            let first = self.stack.len() - arity;
            // Upwards: a slot is never above its operand's own.
            for at in 0..arity {
                let operand: Operand = self.stack[first + at];
                if operand.place != Place::Slot((height + at) as u32) {
                    self.store(self.slot((height + at) as u32), operand);
                }
            }
        }
        self.asm.jump(&mut self.frames[position].label);
    }

    fn branch_if(&mut self, depth: u32) {
        let condition = self.pop_condition();
        if self.takes_nothing(depth) {
            let position = self.frames.len() - 1 - depth as usize;
            return self.asm.jump_if(condition, &mut self.frames[position].label);
        }
        let mut next = Label::default();
        self.asm.jump_if(condition.inverted(), &mut next);
        self.branch(depth);
        self.asm.bind(&mut next);
    }

    /// Whether nothing has to be moved for a branch.
    fn takes_nothing(&self, depth: u32) -> bool {
        let frame = &self.frames[self.frames.len() - 1 - depth as usize];
        frame.arity() == 0
    }

    fn branch_table(&mut self, targets: &BrTable<'_>) -> Result<(), Unsupported> {
        let index = self.pop_gpr();
        let depths = targets.targets().collect::<wasmparser::Result<Vec<u32>>>();
        let depths = depths.map_err(|_| Unsupported)?;
        let Ok(len) = i32::try_from(depths.len()) else { return Err(Unsupported) };
        // Branches that take something along do so behind the table.
        let mut behind: Vec<(u32, Label)> = Vec::new();
        self.asm.alu_imm(Alu::Cmp, Width::W32, index, len);
        let mut table = Label::default();
        self.refer(targets.default(), &mut behind, |asm, label| {
            asm.jump_if(Condition::AboveEqual, label);
        });
        self.asm.address_of(Gpr::R11, &mut table);
        self.asm.shift_imm(Shift::Shl, Width::W64, index, 2);
        self.asm.alu(Alu::Add, Width::W64, Gpr::R11, index);
        self.asm.movsx32(index, Mem::at(Gpr::R11, 0));
        // Distances count from behind the entry that they are in.
        self.asm.lea(Gpr::R11, Mem { base: Gpr::R11, index: Some(index), disp: 4 });
        self.asm.jump_to(Gpr::R11);
        self.registers.free_gpr(index);
        self.asm.bind(&mut table);
        for depth in depths {
            self.refer(depth, &mut behind, |asm, label| {
                asm.bytes.extend_from_slice(&[0; 4]);
                label.refer(&mut asm.bytes);
            });
        }
        for (depth, mut label) in behind {
            self.asm.bind(&mut label);
            self.branch(depth);
        }
        self.lose_control();
        Ok(())
    }

    fn refer(
        &mut self,
        depth: u32,
        behind: &mut Vec<(u32, Label)>,
        refer: impl FnOnce(&mut Assembler, &mut Label),
    ) {
        if self.takes_nothing(depth) {
            let position = self.frames.len() - 1 - depth as usize;
            return refer(&mut self.asm, &mut self.frames[position].label);
        }
        let known = behind.iter().position(|(its_depth, _)| *its_depth == depth);
        let position = known.unwrap_or_else(|| {
            behind.push((depth, Label::default()));
            behind.len() - 1
        });
        refer(&mut self.asm, &mut behind[position].1);
    }

    fn block_types(&self, ty: BlockType) -> Result<(Vec<Type>, Vec<Type>), Unsupported> {
        match ty {
            BlockType::Empty => Ok((Vec::new(), Vec::new())),
            BlockType::Type(ty) => Ok((Vec::new(), vec![Type::of(crate::decode::value_type(ty))?])),
            BlockType::FuncType(index) => {
                let ty = &self.module.types[index as usize];
                Ok((types(&ty.params)?, types(&ty.results)?))
            }
        }
    }

    /// Counts a call of the function: what is called often is worth the optimizing compiler.
    /// Nothing is in a register here.
    pub(super) fn count_call(&mut self) {
        self.count_up(self.often.calls, Slow::Called);
    }

    /// Counts a round of a loop. Nothing is in a register here.
    fn count_round(&mut self) {
        // The other code has the locals, but no operands.
        let can_go_on_elsewhere = self.stack.is_empty();
        let offset = can_go_on_elsewhere.then_some(self.wasm_offset);
        self.count_up(
            self.often.rounds,
            offset.map_or(Slow::Called, |offset| Slow::Looped { offset }),
        );
    }

    /// A counter that has its highest bit set is at its end.
    fn count_up(&mut self, times: i32, then: Slow) {
        let step = i32::MIN.wrapping_div(-times);
        let counter = Mem::at(Gpr::R15, self.func.counter_offset());
        self.asm.alu_imm(Alu::Add, Width::W32, counter, step);
        let mut slow = self.slow(then);
        self.asm.jump_if(Condition::Sign, &mut slow.label);
        self.asm.bind(&mut slow.back);
        self.slow_paths.push(slow);
    }
}

fn types(types: &[ValType]) -> Result<Vec<Type>, Unsupported> {
    types.iter().map(|ty| Type::of(*ty)).collect()
}
