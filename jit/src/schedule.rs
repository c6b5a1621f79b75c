//! Loads where they are used, so that they become operands.
//!
//! x86-64 adds, compares and multiplies with an operand in memory. Cranelift merges a load into the
//! instruction that uses it if no other access stands between them. But its optimizer leaves loads,
//! which may trap, in their order, and places what is computed from them as late as possible: of an
//! unrolled loop all loads come first, and each takes a register.
//!
//! [`sink_loads`] moves a load to its only use, in its block, over what neither stores nor calls and
//! over other loads. So of several loads that all trap another one may be the first to: the trap is
//! the same, and nothing that can be seen happened in between. A load is not moved over what traps in
//! another way.

use cranelift_codegen::entity::SecondaryMap;
use cranelift_codegen::ir::{
    Function, Inst, InstBuilder, InstructionData, Opcode, TrapCode, Value,
};

/// Memory that is kept from function to function.
#[derive(Default)]
pub struct Uses {
    counts: SecondaryMap<Value, u8>,
    /// Loads that may be moved to where control is.
    pending: Vec<Pending>,
}

#[derive(Clone, Copy)]
struct Pending {
    load: Inst,
    value: Value,
    trap: Option<TrapCode>,
}

/// More loads than that are not moved at a time.
const PENDING_MAX: usize = 32;

/// To be called when all other optimization is done.
pub fn sink_loads(func: &mut Function, uses: &mut Uses) {
    uses.count(func);
    let mut block = func.layout.entry_block();
    while let Some(current) = block {
        uses.pending.clear();
        let mut next = func.layout.first_inst(current);
        while let Some(inst) = next {
            next = func.layout.next_inst(inst);
            uses.visit(func, inst);
        }
        block = func.layout.next_block(current);
    }
}

impl Uses {
    /// Counts uses as Cranelift's selection of instructions does: it may repeat what is used more than
    /// once, and what that is computed from then is used more than once too.
    fn count(&mut self, func: &Function) {
        self.counts.clear();
        let mut block = func.layout.last_block();
        while let Some(current) = block {
            for inst in func.layout.block_insts(current).rev() {
                let is_repeated = match func.dfg.inst_results(inst) {
                    [result] => self.counts[*result] > 1 && is_pure(func.dfg.insts[inst].opcode()),
                    _ => false,
                };
                for value in func.dfg.inst_values(inst) {
                    let count = &mut self.counts[func.dfg.resolve_aliases(value)];
                    *count = if is_repeated { 2 } else { count.saturating_add(1) };
                }
            }
            block = func.layout.prev_block(current);
        }
    }

    fn visit(&mut self, func: &mut Function, inst: Inst) {
        let data = &func.dfg.insts[inst];
        let opcode = data.opcode();
        match opcode {
            Opcode::Load => self.load(func, inst),
            Opcode::Bitcast => self.bitcast(func, inst),
            // It has no effect; it only must not be moved over one that the register has.
            Opcode::GetPinnedReg => {}
            _ if opcode.can_load() || opcode.can_store() || opcode.is_call() => {
                self.pending.clear();
            }
            _ if opcode.is_terminator() || opcode.other_side_effects() => self.pending.clear(),
            _ => {
                self.operand(func, inst);
                if opcode.can_trap() {
                    self.pending.clear();
                }
            }
        }
    }

    fn load(&mut self, func: &Function, load: Inst) {
        let trap = func.dfg.insts[load].memflags_trap_code(&func.dfg);
        if trap.is_some() {
            self.pending.retain(|other| other.trap.is_none() || other.trap == trap);
        }
        let value = func.dfg.first_result(load);
        if self.counts[value] == 1 && self.pending.len() < PENDING_MAX {
            self.pending.push(Pending { load, value, trap });
        }
    }

    /// A load that is only taken for another type becomes a load of that type.
    fn bitcast(&mut self, func: &mut Function, inst: Inst) {
        let arg = func.dfg.resolve_aliases(func.dfg.inst_args(inst)[0]);
        let result = func.dfg.first_result(inst);
        let ty = func.dfg.value_type(result);
        if !ty.is_vector() || !func.dfg.value_type(arg).is_vector() {
            return;
        }
        let Some(position) = self.pending.iter().position(|pending| pending.value == arg) else {
            return;
        };
        let load = self.pending.remove(position).load;
        let InstructionData::Load { arg: address, flags, offset, .. } = func.dfg.insts[load] else {
            unreachable!("what is pending is a load");
        };
        let flags = func.dfg.mem_flags[flags];
        func.replace(inst).load(ty, flags, address, offset);
        func.set_srcloc(inst, func.srcloc(load));
        func.layout.remove_inst(load);
        self.load(func, inst);
    }

    /// Moves a load before the instruction that it may become an operand of.
    fn operand(&mut self, func: &mut Function, user: Inst) {
        let args = func.dfg.inst_args(user);
        let candidates: &[Value] = match (args, is_commutative(&func.dfg.insts[user])) {
            ([first, second], true) => &[*second, *first],
            ([.., last], _) => &[*last],
            ([], _) => return,
        };
        let found = candidates.iter().find_map(|arg| {
            let arg = func.dfg.resolve_aliases(*arg);
            self.pending.iter().position(|pending| pending.value == arg)
        });
        let Some(position) = found else { return };
        let load = self.pending.remove(position).load;
        func.layout.remove_inst(load);
        func.layout.insert_inst(load, user);
    }
}

/// Whether an instruction only computes.
fn is_pure(opcode: Opcode) -> bool {
    !(opcode.can_load()
        || opcode.can_store()
        || opcode.can_trap()
        || opcode.is_call()
        || opcode.is_terminator()
        || opcode.other_side_effects())
}

/// Whether either operand may be the one in memory.
fn is_commutative(data: &InstructionData) -> bool {
    matches!(
        data.opcode(),
        Opcode::Iadd
            | Opcode::Imul
            | Opcode::Band
            | Opcode::Bor
            | Opcode::Bxor
            | Opcode::Icmp
            | Opcode::Fadd
            | Opcode::Fmul
    )
}
