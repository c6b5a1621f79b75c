//! Running at link time what would run before any constructor, where that is straight-line code:
//! the relocation of data, and start functions that fill memory.

use std::collections::{HashMap, HashSet};

use dynvm_loader::dso::DsoId;
use dynvm_loader::plan::{Function, Plan, Step};
use dynvm_vm::value::Value;
use wasmparser::{DataKind, MemArg, Operator, OperatorsReader};

use crate::constant::{Constant, Constants, arithmetic};
use crate::error::RelinkError;
use crate::image::Image;
use crate::input::{GlobalUse, Input};
use crate::node::{GlobalNode, MemoryNode, SegmentNode};

/// Operators that are executed at most: none of them jumps, so this is a limit on calls.
const OPERATORS_MAX: u64 = 100_000_000;
/// Calls inside one another at most.
const DEPTH_MAX: u32 = 16;

/// What is known of the program before it starts.
pub(crate) struct Evaluated {
    /// The process memory.
    pub(crate) image: Image,
    /// Values of globals that were changed.
    pub(crate) globals: HashMap<GlobalNode, u64>,
    /// Passive segments that were dropped.
    pub(crate) dropped: HashSet<SegmentNode>,
    /// What is left to run, in order.
    pub(crate) steps: Vec<Step>,
}

/// Runs the steps of a plan as far as they can be: up to the first whose effect depends on more
/// than is known.
pub(crate) fn evaluate(
    plan: &Plan,
    inputs: &[Input<'_>],
    constants: &Constants,
) -> Result<Evaluated, RelinkError> {
    let mut image = Image::new(plan.memory_pages * crate::PAGE_BYTES);
    copy_segments(inputs, constants, &mut image)?;
    let by_id = inputs.iter().map(|input| (input.dso.id, input)).collect();
    let mut evaluator = Evaluator {
        inputs: by_id,
        constants,
        image,
        globals: HashMap::new(),
        dropped: HashSet::new(),
        effects: Vec::new(),
        operators: 0,
    };
    let done = plan.steps.iter().take_while(|step| evaluator.step(step)).count();
    let steps = plan.steps[done..].to_vec();
    let Evaluator { image, globals, dropped, .. } = evaluator;
    Ok(Evaluated { image, globals, dropped, steps })
}

/// Copies what active segments put into the process memory, dso after dso.
fn copy_segments(
    inputs: &[Input<'_>],
    constants: &Constants,
    image: &mut Image,
) -> Result<(), RelinkError> {
    for input in inputs {
        for data in &input.data {
            let DataKind::Active { memory_index, offset_expr } = &data.kind else { continue };
            if input.uses.memories[*memory_index as usize] != MemoryNode::Process {
                continue;
            }
            let offset = constants
                .value(input, offset_expr)
                .and_then(Constant::integer)
                .filter(|offset| image.contains(*offset, data.data.len() as u64));
            let misplaced =
                || RelinkError::Segment { dso: input.dso.name.to_string(), what: "data" };
            image.write(offset.ok_or_else(misplaced)?, data.data);
        }
    }
    Ok(())
}

/// A change that takes place once a step is known to be straight.
enum Effect<'a> {
    Write(u64, &'a [u8]),
    Store(u64, u64, usize),
    Clear(u64, u64),
    Drop(SegmentNode),
}

struct Evaluator<'a, 'b> {
    inputs: HashMap<DsoId, &'a Input<'b>>,
    constants: &'a Constants,
    image: Image,
    globals: HashMap<GlobalNode, u64>,
    dropped: HashSet<SegmentNode>,
    effects: Vec<Effect<'b>>,
    operators: u64,
}

impl<'b> Evaluator<'_, 'b> {
    /// Runs one step. If it cannot be run, nothing of it has happened.
    fn step(&mut self, step: &Step) -> bool {
        let argument = match step.argument {
            None => Some(Vec::new()),
            Some(Value::I32(value)) => Some(vec![value.cast_unsigned().into()]),
            Some(Value::I64(value)) => Some(vec![value.cast_unsigned()]),
            Some(_) => None,
        };
        let before = self.globals.clone();
        let done = argument.and_then(|argument| self.call(&step.function, argument, 0));
        let effects = std::mem::take(&mut self.effects);
        if done.is_none() {
            self.globals = before;
            return false;
        }
        for effect in effects {
            match effect {
                Effect::Write(address, bytes) => self.image.write(address, bytes),
                Effect::Store(address, value, size) => {
                    self.image.write(address, &value.to_le_bytes()[..size]);
                }
                Effect::Clear(start, end) => self.image.clear(start..end),
                Effect::Drop(segment) => drop(self.dropped.insert(segment)),
            }
        }
        true
    }

    /// Runs a function without results. `None` means that it is not straight.
    fn call(&mut self, function: &Function, mut locals: Vec<u64>, depth: u32) -> Option<()> {
        let Function::Dso(id, index) = function else { return None };
        let input = *self.inputs.get(id)?;
        let body = input.bodies.get(index.index())?;
        if depth > DEPTH_MAX {
            return None;
        }
        for local in body.get_locals_reader().ok()? {
            let (count, _) = local.ok()?;
            locals.resize(locals.len() + usize::try_from(count).ok()?, 0);
        }
        self.run(input, body.get_operators_reader().ok()?, &mut locals, depth)
    }

    fn run(
        &mut self,
        input: &Input<'b>,
        mut operators: OperatorsReader<'b>,
        locals: &mut [u64],
        depth: u32,
    ) -> Option<()> {
        let mut stack: Vec<u64> = Vec::new();
        loop {
            self.operators += 1;
            if self.operators > OPERATORS_MAX {
                return None;
            }
            match operators.read().ok()? {
                // Blocks are not entered, so the first end is the function's.
                Operator::End | Operator::Return => return Some(()),
                Operator::Nop => {}
                Operator::Drop => drop(stack.pop()?),
                Operator::LocalGet { local_index } => {
                    stack.push(*locals.get(local_index as usize)?)
                }
                Operator::LocalSet { local_index } => {
                    *locals.get_mut(local_index as usize)? = stack.pop()?;
                }
                Operator::LocalTee { local_index } => {
                    *locals.get_mut(local_index as usize)? = *stack.last()?;
                }
                Operator::GlobalGet { global_index } => {
                    stack.push(self.global(input, global_index)?);
                }
                Operator::GlobalSet { global_index } => {
                    let node = integer_global(input, global_index)?;
                    let value = stack.pop()?;
                    self.globals.insert(node, value);
                }
                Operator::I32Store { memarg } | Operator::I64Store32 { memarg } => {
                    self.store(input, memarg, 4, &mut stack)?;
                }
                Operator::I64Store { memarg } => self.store(input, memarg, 8, &mut stack)?,
                Operator::MemoryFill { mem } => self.fill(input, mem, &mut stack)?,
                Operator::MemoryInit { data_index, mem } => {
                    self.init(input, data_index, mem, &mut stack)?;
                }
                Operator::DataDrop { data_index } => {
                    self.effects.push(Effect::Drop(SegmentNode::Dso(input.dso.id, data_index)));
                }
                Operator::Call { function_index } => {
                    let ty = input.dso.module.functions[function_index as usize];
                    let ty = &input.dso.module.types[ty.index()];
                    if !ty.params.is_empty() || !ty.results.is_empty() {
                        return None;
                    }
                    let function = &input.uses.functions[function_index as usize];
                    self.call(function, Vec::new(), depth + 1)?;
                }
                Operator::I32Const { value } => stack.push(value.cast_unsigned().into()),
                Operator::I64Const { value } => stack.push(value.cast_unsigned()),
                operator => {
                    let (right, left) = (stack.pop()?, stack.pop()?);
                    stack.push(arithmetic(&operator, left, right)?);
                }
            }
        }
    }

    fn global(&self, input: &Input<'b>, index: u32) -> Option<u64> {
        if let Some(value) = self.constants.global(input, index) {
            return value.integer();
        }
        let node = integer_global(input, index)?;
        if let Some(value) = self.globals.get(&node) {
            return Some(*value);
        }
        match node {
            GlobalNode::Cell(_, _, value) => Some(value),
            // One that can change and was not changed yet.
            GlobalNode::Dso(id, position) => {
                let definer = self.inputs.get(&id)?;
                let first = &definer.globals.get(position as usize)?.init_expr;
                self.constants.value(definer, first)?.integer()
            }
            GlobalNode::StackPointer | GlobalNode::Exit(_) => None,
        }
    }

    /// The address that a memory access of `len` bytes hits, if it is in the process memory.
    fn place(&self, input: &Input<'b>, memory: u32, address: u64, len: u64) -> Option<u64> {
        let is_process = input.uses.memories[memory as usize] == MemoryNode::Process;
        (is_process && self.image.contains(address, len)).then_some(address)
    }

    fn store(
        &mut self,
        input: &Input<'b>,
        memarg: MemArg,
        size: usize,
        stack: &mut Vec<u64>,
    ) -> Option<()> {
        let (value, address) = (stack.pop()?, stack.pop()?);
        let address = address.checked_add(memarg.offset)?;
        let memory = match memarg.target {
            wasmparser::MemArgTarget::Memory(memory) => memory,
            _ => return None,
        };
        let address = self.place(input, memory, address, size as u64)?;
        self.effects.push(Effect::Store(address, value, size));
        Some(())
    }

    fn fill(&mut self, input: &Input<'b>, memory: u32, stack: &mut Vec<u64>) -> Option<()> {
        let (len, value, address) = (stack.pop()?, stack.pop()?, stack.pop()?);
        let address = self.place(input, memory, address, len)?;
        if value.to_le_bytes()[0] != 0 {
            return None;
        }
        self.effects.push(Effect::Clear(address, address + len));
        Some(())
    }

    fn init(
        &mut self,
        input: &Input<'b>,
        segment: u32,
        memory: u32,
        stack: &mut Vec<u64>,
    ) -> Option<()> {
        let (len, from, address) = (stack.pop()?, stack.pop()?, stack.pop()?);
        let data = input.data.get(segment as usize)?;
        let address = self.place(input, memory, address, len)?;
        let from = usize::try_from(from).ok()?;
        let bytes = data.data.get(from..from.checked_add(usize::try_from(len).ok()?)?)?;
        let dropped = SegmentNode::Dso(input.dso.id, segment);
        let drops = |effect: &Effect<'_>| matches!(effect, Effect::Drop(it) if *it == dropped);
        let is_dropped = self.dropped.contains(&dropped) || self.effects.iter().any(drops);
        if is_dropped || !matches!(data.kind, DataKind::Passive) {
            return None;
        }
        self.effects.push(Effect::Write(address, bytes));
        Some(())
    }
}

/// The global of the linked module that an index names, if it holds an integer.
fn integer_global(input: &Input<'_>, index: u32) -> Option<GlobalNode> {
    use dynvm_vm::types::ValType;
    let is_integer =
        matches!(input.dso.module.globals[index as usize].value, ValType::I32 | ValType::I64);
    match &input.uses.globals[index as usize] {
        GlobalUse::Node(node) if is_integer => Some(node.clone()),
        _ => None,
    }
}
