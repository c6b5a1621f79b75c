//! Source locations that survive optimization: a trap is named by where it came from.

use cranelift_codegen::ir::{self, Block, Inst, InstructionData, Opcode};

/// Gives each branch to a block that ends in a trap that trap's location.
///
/// The optimizer makes a conditional trap of a branch to a block that only traps, in the branch's
/// place and with its location: but what traps may be in another function, inlined, whose frame
/// the branch's location does not have. A branch that stays one can neither trap nor call, so its
/// location means nothing.
pub fn lead_to_traps(func: &mut ir::Function) {
    let mut block = func.layout.entry_block();
    while let Some(current) = block {
        if let Some(branch) = func.layout.last_inst(current)
            && let Some(trap) = trap_behind(func, branch)
        {
            func.set_srcloc(branch, func.srcloc(trap));
        }
        block = func.layout.next_block(current);
    }
}

/// The trap that one side of a conditional branch ends in; of both sides, the one that is preferred
/// where a condition is to become a trap.
fn trap_behind(func: &ir::Function, branch: Inst) -> Option<Inst> {
    let InstructionData::Brif { blocks, .. } = &func.dfg.insts[branch] else { return None };
    blocks.iter().find_map(|call| trap_at_end(func, call.block(&func.dfg.value_lists)))
}

fn trap_at_end(func: &ir::Function, block: Block) -> Option<Inst> {
    let last = func.layout.last_inst(block)?;
    (func.dfg.insts[last].opcode() == Opcode::Trap).then_some(last)
}
