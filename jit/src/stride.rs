//! Loops that step through memory: their addresses are not summed up in each turn.
//!
//! An index of the memory has 32 bits, and its sums wrap. So this, compiled as it is written,
//!
//! ```text
//! loop(i):
//!     x = load [r15 + zero_extend(p + i)]
//!     …
//!     goto loop(i + 8)
//! ```
//!
//! needs an addition besides that of the address itself, and one more that makes 64 bits of a pointer
//! that is stepped itself. But a turn of the loop that did not trap has accessed the index `p + i`, which
//! is therefore in the memory, whose end is [`MEMORY_SLACK_BYTES`] below 4 GiB: the next turn's does not
//! wrap. What the sum is before the loop, the step may be added to with 64 bits:
//!
//! ```text
//! base = r15 + zero_extend(p + start) - start
//! loop(i):
//!     x = load [base + i]
//!     …
//!     goto loop(i + 8)
//! ```
//!
//! Downward, an index may become negative: for the process nothing is mapped there either
//! ([`MEMORY_GAP_BYTES`]), so the first access of the index faults, if it has no offset, as the one that
//! wraps would. Only loops of one block are looked at: in each turn all of it is run.

use cranelift_codegen::cursor::{Cursor, FuncCursor};
use cranelift_codegen::flowgraph::ControlFlowGraph;
use cranelift_codegen::ir::types::{I32, I64};
use cranelift_codegen::ir::{
    AliasRegion, Block, BlockArg, Function, Inst, InstBuilder, InstructionData, Opcode, Value,
    ValueDef,
};

use crate::translate::process_memory;
use crate::vm::context::{MEMORY_GAP_BYTES, MEMORY_SLACK_BYTES};

/// Most bases of a loop: each takes a register.
const BASES_MAX: usize = 4;
/// Most values that an index is a sum of.
const TERMS_MAX: usize = 3;
/// Loops that are longer have little to gain.
const ACCESSES_MAX: usize = 64;

/// To be called when all other optimization is done. The graph is that of the function, or has edges
/// that the function has no longer.
pub fn step_addresses(func: &mut Function, graph: &ControlFlowGraph) {
    let memory = process_memory(func);
    let mut is_changed = false;
    let mut block = func.layout.entry_block();
    while let Some(current) = block {
        if let Some(found) = Loop::find(func, graph, current) {
            is_changed |= found.rewrite(func, memory);
        }
        block = func.layout.next_block(current);
    }
    if is_changed {
        func.dfg.resolve_all_aliases();
    }
}

/// A loop of one block, which one other block jumps to.
struct Loop {
    block: Block,
    /// Its end, a conditional branch.
    branch: Inst,
    /// The jump to it.
    entry: Inst,
}

/// A parameter of the loop that each turn adds a constant to.
#[derive(Clone, Copy)]
struct Counter {
    /// Which parameter it is.
    position: usize,
    value: Value,
    start: Value,
    next: Value,
    step: i64,
}

/// An access of the memory.
#[derive(Clone, Copy)]
struct Access {
    inst: Inst,
    /// Its index as 64 bits.
    wide: Value,
    offset: i64,
}

/// An index that is a counter, perhaps shifted, plus what stays the same.
struct Index {
    wide: Value,
    counter: Counter,
    shift: u8,
    terms: Vec<Value>,
    constant: u32,
}

impl Loop {
    fn find(func: &Function, graph: &ControlFlowGraph, block: Block) -> Option<Loop> {
        let branch = func.layout.last_inst(block)?;
        let InstructionData::Brif { blocks, .. } = func.dfg.insts[branch] else { return None };
        let is_back = |position: usize| blocks[position].block(&func.dfg.value_lists) == block;
        if is_back(0) == is_back(1) {
            return None;
        }
        let mut others = graph.pred_iter(block).filter(|from| from.block != block);
        let entry = others.next()?.inst;
        let InstructionData::Jump { destination, .. } = func.dfg.insts[entry] else { return None };
        let is_entry = others.next().is_none()
            && func.layout.inst_block(entry).is_some()
            && destination.block(&func.dfg.value_lists) == block;
        is_entry.then_some(Loop { block, branch, entry })
    }

    fn rewrite(&self, func: &mut Function, memory: AliasRegion) -> bool {
        let counters = self.counters(func);
        if counters.is_empty() {
            return false;
        }
        let accesses = self.accesses(func, memory);
        let mut indices: Vec<Index> = Vec::new();
        for access in &accesses {
            if indices.iter().all(|known| known.wide != access.wide)
                && let Some(index) = self.index(func, &counters, access.wide)
                && index.is_bounded(&accesses)
                && index.is_worth_a_base(func)
            {
                indices.push(index);
            }
        }
        // Several sums of the same values would each need a register where one was enough.
        indices.truncate(BASES_MAX);
        if indices.is_empty() {
            return false;
        }
        let pinned = FuncCursor::new(func).at_inst(self.entry).ins().get_pinned_reg(I64);
        for counter in &counters {
            let own = indices.iter().filter(|index| index.counter.value == counter.value);
            let own: Vec<_> = own.collect();
            if !own.is_empty() {
                self.widen(func, *counter, &own, &accesses, pinned);
            }
        }
        true
    }

    fn counters(&self, func: &Function) -> Vec<Counter> {
        let InstructionData::Brif { blocks, .. } = func.dfg.insts[self.branch] else {
            unreachable!("a loop was found by its branch");
        };
        let lists = &func.dfg.value_lists;
        let back = blocks.iter().find(|call| call.block(lists) == self.block);
        let back = back.expect("a loop was found by its branch");
        let InstructionData::Jump { destination, .. } = func.dfg.insts[self.entry] else {
            unreachable!("a loop was found by the jump to it");
        };
        let values = func.dfg.block_params(self.block).iter().zip(destination.args(lists));
        let all = values.zip(back.args(lists)).enumerate();
        all.filter_map(|(position, ((value, start), next))| {
            let start = func.dfg.resolve_aliases(start.as_value()?);
            let next = func.dfg.resolve_aliases(next.as_value()?);
            if func.dfg.value_type(*value) != I32 || !self.is_inside(func, next) {
                return None;
            }
            let (left, right) = summands(func, next)?;
            let step = i64::from(constant(func, right)?.cast_signed());
            let is_short = step != 0 && step.unsigned_abs() <= MEMORY_SLACK_BYTES as u64;
            let is_counter = left == *value && is_short;
            is_counter.then_some(Counter { position, value: *value, start, next, step })
        })
        .collect()
    }

    fn accesses(&self, func: &Function, memory: AliasRegion) -> Vec<Access> {
        let mut accesses = Vec::new();
        for inst in func.layout.block_insts(self.block) {
            let data = &func.dfg.insts[inst];
            if data.opcode().is_call() {
                return Vec::new();
            }
            let (address, offset) = match *data {
                InstructionData::Load { arg, offset, .. } => (arg, offset),
                InstructionData::Store { args: [_, address], offset, .. } => (address, offset),
                _ => continue,
            };
            if data.alias_region(&func.dfg) == Some(memory)
                && let Some(wide) = index_of(func, address)
                && accesses.len() < ACCESSES_MAX
            {
                accesses.push(Access { inst, wide, offset: i32::from(offset).into() });
            }
        }
        accesses
    }

    /// What an index is the sum of, if it is stepped.
    fn index(&self, func: &Function, counters: &[Counter], wide: Value) -> Option<Index> {
        let mut pending = vec![extended(func, wide)?];
        let (mut constant_sum, mut terms, mut counted) = (0_u32, Vec::new(), None);
        while let Some(value) = pending.pop() {
            let counter = counters.iter().find_map(|counter| {
                let shift = shift_of(func, value, counter.value)?;
                Some((*counter, shift))
            });
            if let Some(constant) = constant(func, value) {
                constant_sum = constant_sum.wrapping_add(constant);
            } else if counter.is_some() && counted.is_none() {
                counted = counter;
            } else if !self.is_inside(func, value) {
                terms.push(value);
            } else {
                let (left, right) = summands(func, value)?;
                pending.extend([left, right]);
            }
            if terms.len() + pending.len() > TERMS_MAX {
                return None;
            }
        }
        let (counter, shift) = counted?;
        Some(Index { wide, counter, shift, terms, constant: constant_sum })
    }

    /// Whether a value is one of the loop's, another one in each turn.
    fn is_inside(&self, func: &Function, value: Value) -> bool {
        match func.dfg.value_def(value) {
            ValueDef::Result(inst, _) => func.layout.inst_block(inst) == Some(self.block),
            ValueDef::Param(block, _) => block == self.block,
            ValueDef::Union(..) => true,
        }
    }

    /// Makes a counter one of 64 bits, and indices sums of it and a base.
    fn widen(
        &self,
        func: &mut Function,
        counter: Counter,
        own: &[&Index],
        accesses: &[Access],
        pinned: Value,
    ) {
        let wide = func.dfg.replace_block_param(counter.value, I64);
        let location = func.srcloc(self.branch);
        let mut cursor = FuncCursor::new(func).at_first_insertion_point(self.block);
        cursor.set_srcloc(location);
        let narrow = cursor.ins().ireduce(I32, wide);
        cursor.func.dfg.change_to_alias(counter.value, narrow);

        let mut cursor = FuncCursor::new(func).at_inst(self.entry).with_srcloc(location);
        let start = match constant(cursor.func, counter.start) {
            Some(start) => cursor.ins().iconst(I64, i64::from(start)),
            None => cursor.ins().uextend(I64, counter.start),
        };
        let bases: Vec<_> =
            own.iter().map(|index| index.base(&mut cursor, pinned, start)).collect();
        for (index, (base, offset)) in own.iter().zip(bases) {
            for access in accesses.iter().filter(|access| access.wide == index.wide) {
                index.address(func, access, base, offset, wide);
            }
        }

        // What the next turn has is computed where it was.
        let ValueDef::Result(sum, _) = func.dfg.value_def(counter.next) else {
            unreachable!("the next turn has a sum");
        };
        let location = func.srcloc(sum);
        let mut cursor = FuncCursor::new(func).at_inst(sum).with_srcloc(location);
        let step = cursor.ins().iconst(I64, counter.step);
        let next = cursor.ins().iadd(wide, step);
        func.replace(sum).ireduce(I32, next);
        self.pass(func, counter.position, start, next);
    }

    /// Passes these values as a parameter of the loop.
    fn pass(&self, func: &mut Function, position: usize, start: Value, next: Value) {
        let graph = &mut func.dfg;
        for (inst, value) in [(self.entry, start), (self.branch, next)] {
            let calls: &mut [_] = match &mut graph.insts[inst] {
                InstructionData::Jump { destination, .. } => std::slice::from_mut(destination),
                InstructionData::Brif { blocks, .. } => blocks,
                other => unreachable!("a loop is not entered by {:?}", other.opcode()),
            };
            for call in calls {
                if call.block(&graph.value_lists) == self.block {
                    let mut at = 0..;
                    call.update_args(&mut graph.value_lists, |arg| {
                        if at.next() == Some(position) { BlockArg::Value(value) } else { arg }
                    });
                }
            }
        }
    }
}

impl Index {
    /// Whether the accesses of this index keep it from wrapping.
    fn is_bounded(&self, accesses: &[Access]) -> bool {
        let mut own = accesses.iter().filter(|access| access.wide == self.wide);
        let step = self.counter.step << self.shift;
        if step > 0 {
            step <= MEMORY_SLACK_BYTES as i64 && own.any(|access| access.offset >= 0)
        } else {
            -step <= MEMORY_GAP_BYTES as i64 && own.next().is_some_and(|first| first.offset == 0)
        }
    }

    /// Whether more is saved in each turn than is computed before a loop that may have few.
    fn is_worth_a_base(&self, func: &Function) -> bool {
        !self.terms.is_empty()
            || constant(func, self.counter.start).is_some()
            || self.constant == 0 && self.shift == 0
    }

    /// What is to be added to the counter and to offsets, computed before the loop.
    fn base(&self, cursor: &mut FuncCursor<'_>, pinned: Value, start: Value) -> (Value, i64) {
        let first = constant(cursor.func, self.counter.start);
        if self.terms.is_empty() {
            let first = first.or((self.constant == 0 && self.shift == 0).then_some(0));
            if let Some(first) = first {
                let distance = i64::from(first) << self.shift;
                let index = (first << self.shift).wrapping_add(self.constant);
                return (pinned, i64::from(index) - distance);
            }
        }
        let mut sum = None;
        let mut add = |cursor: &mut FuncCursor<'_>, term: Value| {
            sum = Some(sum.map_or(term, |sum| cursor.ins().iadd(sum, term)));
        };
        for term in &self.terms {
            add(cursor, *term);
        }
        let constant = match first {
            Some(first) => self.constant.wrapping_add(first << self.shift),
            None => {
                let shifted = match self.shift {
                    0 => self.counter.start,
                    shift => cursor.ins().ishl_imm_u(self.counter.start, i64::from(shift)),
                };
                add(cursor, shifted);
                self.constant
            }
        };
        if constant != 0 {
            let constant = cursor.ins().iconst(I32, i64::from(constant));
            add(cursor, constant);
        }
        let sum = sum.expect("there are terms, or the counter's start is one");
        let index = cursor.ins().uextend(I64, sum);
        let mut base = cursor.ins().iadd(pinned, index);
        if first != Some(0) {
            let distance = match self.shift {
                0 => start,
                shift => cursor.ins().ishl_imm_u(start, i64::from(shift)),
            };
            base = cursor.ins().isub(base, distance);
        }
        (base, 0)
    }

    /// Makes an access one of the counter and a base.
    fn address(
        &self,
        func: &mut Function,
        access: &Access,
        base: Value,
        offset: i64,
        counter: Value,
    ) {
        let Ok(offset) = i32::try_from(access.offset + offset) else { return };
        let location = func.srcloc(access.inst);
        let mut cursor = FuncCursor::new(func).at_inst(access.inst).with_srcloc(location);
        let counted = match self.shift {
            0 => counter,
            shift => cursor.ins().ishl_imm_u(counter, i64::from(shift)),
        };
        let address = cursor.ins().iadd(base, counted);
        match &mut func.dfg.insts[access.inst] {
            InstructionData::Load { arg, offset: at, .. } => (*arg, *at) = (address, offset.into()),
            InstructionData::Store { args: [_, arg], offset: at, .. } => {
                (*arg, *at) = (address, offset.into());
            }
            other => unreachable!("{:?} is no access", other.opcode()),
        }
    }
}

/// The index of an address that is the pinned register's value plus an index.
fn index_of(func: &Function, address: Value) -> Option<Value> {
    let (left, right) = summands(func, address)?;
    let is_pinned = |value| opcode(func, value) == Some(Opcode::GetPinnedReg);
    match (is_pinned(left), is_pinned(right)) {
        (true, false) => Some(right),
        (false, true) => Some(left),
        _ => None,
    }
}

/// The 32-bit value that was zero-extended.
fn extended(func: &Function, value: Value) -> Option<Value> {
    match definition(func, value)? {
        InstructionData::Unary { opcode: Opcode::Uextend, arg } => {
            let arg = func.dfg.resolve_aliases(arg);
            (func.dfg.value_type(arg) == I32).then_some(arg)
        }
        _ => None,
    }
}

/// By how much `counter` is shifted to be `value`: by no more than an address can.
fn shift_of(func: &Function, value: Value, counter: Value) -> Option<u8> {
    if value == counter {
        return Some(0);
    }
    let InstructionData::Binary { opcode: Opcode::Ishl, args: [left, right] } =
        definition(func, value)?
    else {
        return None;
    };
    let shift = constant(func, func.dfg.resolve_aliases(right))?;
    (func.dfg.resolve_aliases(left) == counter && shift <= 3).then_some(shift as u8)
}

fn summands(func: &Function, value: Value) -> Option<(Value, Value)> {
    match definition(func, value)? {
        InstructionData::Binary { opcode: Opcode::Iadd, args: [left, right] } => {
            Some((func.dfg.resolve_aliases(left), func.dfg.resolve_aliases(right)))
        }
        _ => None,
    }
}

fn constant(func: &Function, value: Value) -> Option<u32> {
    match definition(func, value)? {
        InstructionData::UnaryImm { opcode: Opcode::Iconst, imm } => Some(imm.bits() as u32),
        _ => None,
    }
}

fn opcode(func: &Function, value: Value) -> Option<Opcode> {
    definition(func, value).map(|data| data.opcode())
}

fn definition(func: &Function, value: Value) -> Option<InstructionData> {
    match func.dfg.value_def(value) {
        ValueDef::Result(inst, 0) => Some(func.dfg.insts[inst]),
        _ => None,
    }
}
