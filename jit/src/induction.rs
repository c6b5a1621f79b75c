//! The end of a loop compares what the next turn has.
//!
//! A loop that counts ends like this, and leaves what it counted to the next turn:
//!
//! ```text
//! next = i + 8
//! if next != 320 goto loop(next)
//! ```
//!
//! Cranelift's optimizer takes the sum out of the comparison: `i != 312`. But then both `i` and `next`
//! are alive at the branch, in two registers, and each turn ends with a move from one to the other and
//! a jump behind it. [`compare_next`] makes the comparison what it was.

use cranelift_codegen::cursor::{Cursor, FuncCursor};
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::types::I32;
use cranelift_codegen::ir::{
    Block, Function, Inst, InstBuilder, InstructionData, Opcode, Type, Value, ValueDef,
};

/// To be called when all other optimization is done.
pub fn compare_next(func: &mut Function) {
    let mut block = func.layout.entry_block();
    while let Some(current) = block {
        if let Some(end) = LoopEnd::find(func, current) {
            end.rewrite(func);
        }
        block = func.layout.next_block(current);
    }
}

/// A branch that depends on `counter == limit`, and takes `counter + step` along.
struct LoopEnd {
    branch: Inst,
    condition: IntCC,
    next: Value,
    ty: Type,
    limit: i64,
}

impl LoopEnd {
    fn find(func: &Function, block: Block) -> Option<LoopEnd> {
        let graph = &func.dfg;
        let branch = func.layout.last_inst(block)?;
        let InstructionData::Brif { arg, blocks, .. } = graph.insts[branch] else { return None };
        let InstructionData::IntCompare { cond: condition, args: [counter, limit], .. } =
            definition(func, arg)?
        else {
            return None;
        };
        if !matches!(condition, IntCC::Equal | IntCC::NotEqual) {
            return None;
        }
        let limit = constant(func, limit)?;
        let counter = graph.resolve_aliases(counter);
        let mut taken = blocks.iter().flat_map(|call| call.args(&graph.value_lists));
        let (next, step) = taken.find_map(|arg| {
            let next = graph.resolve_aliases(arg.as_value()?);
            let InstructionData::Binary { opcode: Opcode::Iadd, args: [left, right] } =
                definition(func, next)?
            else {
                return None;
            };
            let step = constant(func, right)?;
            (graph.resolve_aliases(left) == counter).then_some((next, step))
        })?;
        let ty = graph.value_type(next);
        Some(LoopEnd { branch, condition, next, ty, limit: limit.wrapping_add(step) })
    }

    fn rewrite(self, func: &mut Function) {
        // Cranelift wants constants without bits above those of their type.
        let limit = if self.ty == I32 { self.limit & 0xffff_ffff } else { self.limit };
        let location = func.srcloc(self.branch);
        let mut cursor = FuncCursor::new(func).at_inst(self.branch).with_srcloc(location);
        let limit = cursor.ins().iconst(self.ty, limit);
        let condition = cursor.ins().icmp(self.condition, self.next, limit);
        let InstructionData::Brif { arg, .. } = &mut cursor.func.dfg.insts[self.branch] else {
            unreachable!("a loop's end was found to be a conditional branch");
        };
        *arg = condition;
    }
}

fn definition(func: &Function, value: Value) -> Option<InstructionData> {
    match func.dfg.value_def(value) {
        ValueDef::Result(inst, 0) => Some(func.dfg.insts[inst]),
        _ => None,
    }
}

fn constant(func: &Function, value: Value) -> Option<i64> {
    match definition(func, value)? {
        InstructionData::UnaryImm { opcode: Opcode::Iconst, imm } => Some(imm.bits()),
        _ => None,
    }
}
