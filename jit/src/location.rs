//! Source locations that survive optimization: a trap is named by where it came from.

use cranelift_codegen::entity::SecondaryMap;
use cranelift_codegen::ir::{
    self, Block, Inst, InstructionData, Opcode, SourceLoc, TrapCode, Value,
};

use crate::translate::inline::Inlined;

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

/// The loads of a function that may trap, and what was made of them.
#[derive(Default)]
pub struct Loads {
    all: Vec<Load>,
    /// Which load a value comes from: its position in `all`, and one.
    origins: SecondaryMap<Value, u32>,
    /// Where in `all` the loads of the current block begin. No load is merged into another block.
    block_start: usize,
}

/// A load that may trap.
#[derive(Clone, Copy)]
struct Load {
    address: Value,
    offset: i32,
    trap: TrapCode,
    location: SourceLoc,
}

/// Gives what a load may be merged into the load's location: an addition of what was loaded becomes
/// an `add` with a memory operand, which traps where the load would. To be called when all other
/// optimization is done.
///
/// What cannot trap takes the load's location; what can, one that stands for both.
pub fn follow_loads(func: &mut ir::Function, loads: &mut Loads, inlined: &mut Inlined) {
    loads.all.clear();
    loads.origins.clear();
    let mut block = func.layout.entry_block();
    while let Some(current) = block {
        loads.block_start = loads.all.len();
        let mut next = func.layout.first_inst(current);
        while let Some(inst) = next {
            loads.follow(func, inst, inlined);
            next = func.layout.next_inst(inst);
        }
        block = func.layout.next_block(current);
    }
}

impl Loads {
    fn follow(&mut self, func: &mut ir::Function, inst: Inst, inlined: &mut Inlined) {
        let data = &func.dfg.insts[inst];
        let opcode = data.opcode();
        match *data {
            InstructionData::Load { arg, offset, .. } => {
                let Some(trap) = data.memflags_trap_code(&func.dfg) else { return };
                let address = func.dfg.resolve_aliases(arg);
                let location = func.srcloc(inst);
                self.all.push(Load { address, offset: offset.into(), trap, location });
                self.origins[func.dfg.first_result(inst)] = self.all.len() as u32;
            }
            // What is loaded from, changed and stored to in one instruction was loaded first.
            InstructionData::Store { args: [_, address], offset, .. } => {
                let Some(load) = self.origin(func, inst) else { return };
                let load = self.all[load as usize - 1];
                if load.address == func.dfg.resolve_aliases(address) && load.offset == offset.into()
                {
                    func.set_srcloc(inst, load.location);
                }
            }
            _ if opcode.can_load() || opcode.can_store() || opcode.is_call() => {}
            // Their operands are in registers.
            _ if opcode.is_terminator() && opcode != Opcode::Brif => {}
            _ => self.merge(func, inst, inlined),
        }
    }

    /// An instruction without an access of its own.
    fn merge(&mut self, func: &mut ir::Function, inst: Inst, inlined: &mut Inlined) {
        let Some(origin) = self.origin(func, inst) else { return };
        let load = self.all[origin as usize - 1];
        if func.dfg.insts[inst].opcode().can_trap() {
            let own = func.srcloc(inst);
            func.set_srcloc(inst, inlined.either(load.trap, load.location, own));
            return;
        }
        func.set_srcloc(inst, load.location);
        if let [result] = *func.dfg.inst_results(inst) {
            self.origins[result] = origin;
        }
    }

    /// The last load of this block that an operand comes from: only it can be merged, since loads
    /// keep their order.
    fn origin(&self, func: &ir::Function, inst: Inst) -> Option<u32> {
        let args = func.dfg.inst_args(inst).iter();
        let last = args.map(|arg| self.origins[func.dfg.resolve_aliases(*arg)]).max()?;
        (last as usize > self.block_start).then_some(last)
    }
}
