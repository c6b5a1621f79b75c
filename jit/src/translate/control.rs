//! Blocks and branches.

use cranelift_codegen::ir::{Block, BlockArg, BlockCall, InstBuilder, JumpTableData, Type, Value};
use wasmparser::{BlockType, BrTable, Operator};

use super::exception::Try;
use super::{Translator, decoded_type, trap_code};
use crate::signature::value_type;
use crate::vm::code;
use crate::vm::types::{FuncType, ValType};

/// A block that the current operator is inside of.
pub struct Frame {
    pub(super) kind: FrameKind,
    /// Where control goes at the block's `end`; its parameters are the block's results.
    exit: Block,
    /// Whether something jumps to `exit`.
    is_exit_used: bool,
    params_len: usize,
    results_len: usize,
    /// Height of the operand stack below the block's parameters.
    pub(super) height: usize,
    /// What was learnt before the block: see [`super::known::Facts::mark`].
    pub(super) facts_mark: usize,
}

pub enum FrameKind {
    Block,
    /// A `try_table`, or a legacy `try` in whose body control is.
    Try(Try),
    /// A legacy `catch` or `catch_all`.
    Catch {
        /// Reference to the exception that was caught.
        exception: Value,
        /// What the `catch` clauses that follow need.
        rest: Try,
    },
    Loop {
        /// Where a branch to the loop goes.
        header: Block,
    },
    /// An `if` whose `else` was not seen yet.
    If {
        /// Where the condition goes if it is zero.
        otherwise: Block,
        /// The parameters, once more for the `else`.
        params: Vec<Value>,
        condition: Value,
    },
}

impl Translator<'_> {
    pub(super) fn push_function_frame(&mut self, ty: &FuncType) {
        let exit = self.block_of_types(&ty.results);
        self.frames.push(Frame {
            kind: FrameKind::Block,
            exit,
            is_exit_used: false,
            params_len: 0,
            results_len: ty.results.len(),
            height: self.stack.len(),
            facts_mark: self.facts.mark(),
        });
    }

    pub(super) fn control(&mut self, op: &Operator<'_>) -> bool {
        match op {
            Operator::Nop => {}
            Operator::Unreachable => {
                self.ins().trap(trap_code(code::TrapCode::Unreachable));
                self.lose_control();
            }
            Operator::Block { blockty } => self.push_frame(*blockty, FrameKind::Block),
            Operator::Loop { blockty } => self.begin_loop(*blockty),
            Operator::If { blockty } => self.begin_if(*blockty),
            Operator::Else => self.begin_else(),
            Operator::End => self.end(),
            Operator::Br { relative_depth } => self.branch(*relative_depth),
            Operator::BrIf { relative_depth } => self.branch_if(*relative_depth),
            Operator::BrOnNull { relative_depth } => self.branch_on_null(*relative_depth),
            Operator::BrOnNonNull { relative_depth } => self.branch_on_non_null(*relative_depth),
            Operator::BrTable { targets } => self.branch_table(targets),
            Operator::Return => self.return_from_function(),
            _ => return false,
        }
        true
    }

    /// Where control is lost, only the nesting of blocks matters.
    pub(super) fn unreachable_operator(&mut self, op: &Operator<'_>) {
        match op {
            Operator::Block { .. } | Operator::Loop { .. } | Operator::If { .. } => {
                self.dead_depth += 1;
            }
            Operator::Else if self.dead_depth == 0 => self.begin_else(),
            Operator::TryTable { .. } => self.dead_depth += 1,
            Operator::Try { .. } => {
                self.scope.legacy_tries_seen += 1;
                self.dead_depth += 1;
            }
            Operator::Catch { .. } | Operator::CatchAll if self.dead_depth == 0 => {
                self.begin_catch();
            }
            Operator::Delegate { .. } if self.dead_depth == 0 => self.end(),
            Operator::End if self.dead_depth == 0 => self.end(),
            Operator::End | Operator::Delegate { .. } => self.dead_depth -= 1,
            _ => {}
        }
    }

    /// Notes that nothing follows the terminator just emitted.
    pub(super) fn lose_control(&mut self) {
        self.is_reachable = false;
        self.dead_depth = 0;
    }

    pub(super) fn push_frame(&mut self, ty: BlockType, kind: FrameKind) {
        let (params, results) = self.block_types(ty);
        let exit = self.block_of_types(&results);
        self.frames.push(Frame {
            kind,
            exit,
            is_exit_used: false,
            params_len: params.len(),
            results_len: results.len(),
            height: self.stack.len() - params.len(),
            facts_mark: self.facts.mark(),
        });
    }

    fn begin_loop(&mut self, ty: BlockType) {
        let (params, _) = self.block_types(ty);
        let header = self.loop_header(&params);
        self.jump_to(header, params.len());
        self.push_frame(ty, FrameKind::Loop { header });
        self.enter(header);
        let height = self.stack.len() - params.len();
        self.stack.truncate(height);
        self.stack.extend_from_slice(self.builder.block_params(header));
    }

    fn loop_header(&mut self, params: &[ValType]) -> Block {
        let is_own = self.scope.frames_base == 0;
        if let Some(start) = self.start.take_if(|start| is_own && start.offset == self.offset) {
            return start.header;
        }
        self.block_of_types(params)
    }

    fn begin_if(&mut self, ty: BlockType) {
        let condition = self.pop();
        let then = self.builder.create_block();
        let otherwise = self.builder.create_block();
        self.ins().brif(condition, then, &[], otherwise, &[]);
        self.builder.seal_block(then);
        self.builder.seal_block(otherwise);

        let (params, _) = self.block_types(ty);
        let params = self.peek_n(params.len()).to_vec();
        self.push_frame(ty, FrameKind::If { otherwise, params, condition });
        self.enter_next(then);
        self.facts.learn_condition(condition, true);
    }

    fn begin_else(&mut self) {
        let frame = self.frames.last_mut().expect("validated: `else` is in an `if`");
        let kind = std::mem::replace(&mut frame.kind, FrameKind::Block);
        let FrameKind::If { otherwise, params, condition } = kind else {
            unreachable!("validated: `else` is in an `if`");
        };
        let (height, facts_mark) = (frame.height, frame.facts_mark);
        if self.is_reachable {
            self.jump_to_exit();
        }
        self.stack.truncate(height);
        self.stack.extend(params);
        self.enter(otherwise);
        self.facts.forget(facts_mark);
        self.facts.learn_condition(condition, false);
        self.is_reachable = true;
    }

    pub(super) fn end(&mut self) {
        if matches!(self.frame(0).kind, FrameKind::If { .. }) {
            // A missing `else` passes the parameters on: they have the types of the results.
            self.begin_else();
        }
        if self.frame(0).is_exit_used && self.is_reachable {
            self.jump_to_exit();
        }
        let frame = self.frames.pop().expect("validated: `end` closes a block");
        match frame.kind {
            FrameKind::Loop { header } => self.builder.seal_block(header),
            FrameKind::Try(tried) => self.end_try(&tried),
            _ => {}
        }
        // With no branch to it the block's end is just where control is, and the results are
        // on the stack already.
        if frame.is_exit_used {
            self.builder.seal_block(frame.exit);
            self.enter(frame.exit);
            self.facts.forget(frame.facts_mark);
            self.stack.truncate(frame.height);
            self.stack.extend_from_slice(self.builder.block_params(frame.exit));
            self.is_reachable = true;
        }
        if !self.is_reachable {
            self.facts.forget(frame.facts_mark);
            self.stack.truncate(frame.height);
        } else if self.frames.is_empty() {
            self.emit_return(frame.results_len);
        }
    }

    fn branch(&mut self, depth: u32) {
        if self.scope.frames_base + depth as usize + 1 == self.frames.len() {
            return self.return_from_function();
        }
        let (target, count) = self.target(depth);
        self.jump_to(target, count);
        self.lose_control();
    }

    fn branch_if(&mut self, depth: u32) {
        let condition = self.pop();
        let (target, count) = self.target(depth);
        let next = self.builder.create_block();
        let args = self.block_args(count);
        self.ins().brif(condition, target, &args, next, &[]);
        self.builder.seal_block(next);
        self.enter_next(next);
        self.facts.learn_condition(condition, false);
    }

    /// Branches if the topmost operand is null, which it then drops.
    fn branch_on_null(&mut self, depth: u32) {
        let reference = self.pop();
        let (target, count) = self.target(depth);
        let next = self.builder.create_block();
        let args = self.block_args(count);
        self.ins().brif(reference, next, &[], target, &args);
        self.builder.seal_block(next);
        self.enter(next);
        self.facts.learn_non_null(reference);
        self.push(reference);
    }

    /// Branches if the topmost operand is not null, and takes it along.
    fn branch_on_non_null(&mut self, depth: u32) {
        let reference = self.peek_n(1)[0];
        let (target, count) = self.target(depth);
        let next = self.builder.create_block();
        let args = self.block_args(count);
        self.ins().brif(reference, target, &args, next, &[]);
        self.builder.seal_block(next);
        self.enter(next);
        self.pop();
    }

    fn branch_table(&mut self, targets: &BrTable<'_>) {
        let index = self.pop();
        let default = self.block_call(targets.default());
        let targets = targets.targets();
        let calls = targets
            .map(|depth| self.block_call(depth.expect("validated: the table is well-formed")))
            .collect::<Vec<_>>();
        let table = self.builder.create_jump_table(JumpTableData::new(default, &calls));
        self.ins().br_table(index, table);
        self.lose_control();
    }

    fn block_call(&mut self, depth: u32) -> BlockCall {
        let (target, count) = self.target(depth);
        let args = self.block_args(count);
        BlockCall::new(target, args, &mut self.builder.func.dfg.value_lists)
    }

    fn return_from_function(&mut self) {
        let base = self.scope.frames_base;
        if base == 0 {
            return self.emit_return(self.frames[0].results_len);
        }
        // Out of an inlined body control goes on behind the call.
        let depth = self.frames.len() - 1 - base;
        let (target, count) = self.target(depth as u32);
        self.jump_to(target, count);
        self.lose_control();
    }

    fn emit_return(&mut self, results_len: usize) {
        let results = self.pop_n(results_len);
        self.ins().return_(&results);
        self.lose_control();
    }

    /// The frame that a branch of this depth names.
    pub(super) fn frame(&mut self, depth: u32) -> &mut Frame {
        let position = self.frames.len() - 1 - depth as usize;
        &mut self.frames[position]
    }

    /// Where a branch goes and how many operands it takes along.
    pub(super) fn target(&mut self, depth: u32) -> (Block, usize) {
        let frame = self.frame(depth);
        if let FrameKind::Loop { header } = frame.kind {
            return (header, frame.params_len);
        }
        frame.is_exit_used = true;
        (frame.exit, frame.results_len)
    }

    pub(super) fn jump_to_exit(&mut self) {
        let frame = self.frame(0);
        frame.is_exit_used = true;
        let (exit, count) = (frame.exit, frame.results_len);
        self.jump_to(exit, count);
    }

    pub(super) fn jump_to(&mut self, block: Block, count: usize) {
        let args = self.block_args(count);
        self.ins().jump(block, &args);
    }

    fn block_args(&self, count: usize) -> Vec<BlockArg> {
        self.peek_n(count).iter().map(|value| BlockArg::Value(*value)).collect()
    }

    pub(super) fn block_with_params(&mut self, params: &[Type]) -> Block {
        let block = self.builder.create_block();
        for ty in params {
            self.builder.append_block_param(block, *ty);
        }
        block
    }

    /// A block with parameters of these types.
    fn block_of_types(&mut self, params: &[ValType]) -> Block {
        let block = self.builder.create_block();
        for ty in params {
            let value = self.builder.append_block_param(block, value_type(*ty));
            self.note(value, *ty);
        }
        block
    }

    fn block_types(&self, ty: BlockType) -> (Vec<ValType>, Vec<ValType>) {
        match ty {
            BlockType::Empty => (Vec::new(), Vec::new()),
            BlockType::Type(ty) => (Vec::new(), vec![decoded_type(ty)]),
            BlockType::FuncType(index) => {
                let ty = &self.scope.module.types[index as usize];
                (ty.params.to_vec(), ty.results.to_vec())
            }
        }
    }
}
