//! Exceptions, both encodings: a call inside `try` is one that can also go on in a handler.
//!
//! Where nothing is thrown the call itself costs nothing more: its normal way out is the next
//! instruction. But a handler finds no register as it was, so a function that has one saves the
//! callee-saved registers at its entry. A handler gets a reference to the exception and the address of its values.

use cranelift_codegen::ir::types::{I32, I64};
use cranelift_codegen::ir::{
    Block, BlockArg, BlockCall, ExceptionTableData, ExceptionTableItem, ExceptionTag, InstBuilder,
    StackSlotData, StackSlotKind, Value,
};
use wasmparser::{Catch, FunctionBody, Operator, TryTable};

use super::Translator;
use super::call::Target;
use super::control::FrameKind;
use super::region::Region;
use crate::signature::value_type;
use crate::vm::context::Builtin;
use crate::vm::instance::TagId;
use crate::vm::types::{TagIndex, ValType};
use crate::vm::value::RawValue;

/// A `try_table`, or a legacy `try`, as calls in its body see it.
#[derive(Clone, Default)]
pub struct Try {
    /// Where exceptions go, in order.
    clauses: Vec<Clause>,
    /// How many frames, counted from the function's own, an exception that a legacy `delegate`
    /// passes on may still find handlers in.
    delegated_to: Option<usize>,
}

/// One way for an exception to be caught.
#[derive(Clone, Copy)]
struct Clause {
    /// The tag that it takes, by its index in the body that has the clause; `None` takes all.
    tag: Option<TagIndex>,
    /// The tag's identity.
    id: Option<TagId>,
    /// Where it goes on. Parameters: reference to the exception, address of its values.
    landing: Block,
}

/// What a legacy `try` turns out to be at its end.
#[derive(Debug, Default)]
pub struct LegacyTry {
    /// The tag of each `catch`; `None` for `catch_all`.
    catches: Vec<Option<TagIndex>>,
    /// The depth that `delegate` names.
    delegate: Option<u32>,
}

/// The legacy `try` blocks of a function, in the order of their `try`. What a call in the body of
/// one does depends on the `catch` clauses behind it.
pub fn legacy_tries(body: &FunctionBody<'_>) -> wasmparser::Result<Vec<LegacyTry>> {
    let mut tries: Vec<LegacyTry> = Vec::new();
    // For each open block, which `try` it is.
    let mut open: Vec<Option<usize>> = Vec::new();
    let mut operators = body.get_operators_reader()?;
    while !operators.eof() {
        match operators.read()? {
            Operator::Block { .. }
            | Operator::Loop { .. }
            | Operator::If { .. }
            | Operator::TryTable { .. } => open.push(None),
            Operator::Try { .. } => {
                open.push(Some(tries.len()));
                tries.push(LegacyTry::default());
            }
            Operator::Catch { tag_index } => {
                if let Some(Some(innermost)) = open.last() {
                    tries[*innermost].catches.push(Some(TagIndex(tag_index)));
                }
            }
            Operator::CatchAll => {
                if let Some(Some(innermost)) = open.last() {
                    tries[*innermost].catches.push(None);
                }
            }
            Operator::Delegate { relative_depth } => {
                if let Some(Some(innermost)) = open.pop() {
                    tries[innermost].delegate = Some(relative_depth);
                }
            }
            Operator::End => {
                open.pop();
            }
            _ => {}
        }
    }
    Ok(tries)
}

impl Translator<'_> {
    pub(super) fn exception(&mut self, op: &Operator<'_>) -> bool {
        match op {
            Operator::TryTable { try_table } => self.begin_try_table(try_table),
            Operator::Try { blockty } => {
                let tried = self.legacy_try();
                self.push_frame(*blockty, FrameKind::Try(tried));
            }
            Operator::Catch { .. } | Operator::CatchAll => self.begin_catch(),
            Operator::Delegate { .. } => self.end(),
            Operator::Throw { tag_index } => self.throw(TagIndex(*tag_index)),
            Operator::ThrowRef => {
                let exception = self.pop();
                self.call_throwing_builtin(Builtin::ThrowRef, &[exception]);
            }
            Operator::Rethrow { relative_depth } => {
                let FrameKind::Catch { exception, .. } = self.frame(*relative_depth).kind else {
                    unreachable!("validated: `rethrow` names a `catch`");
                };
                self.call_throwing_builtin(Builtin::ThrowRef, &[exception]);
            }
            _ => return false,
        }
        true
    }

    /// Whether an exception out of a call here may have a handler in this function.
    pub(super) fn is_trying(&self) -> bool {
        self.frames.iter().any(|frame| matches!(frame.kind, FrameKind::Try(_)))
    }

    /// A call that exceptions may come out of.
    pub(super) fn emit_try_call(&mut self, target: Target, args: &[Value]) -> Vec<Value> {
        let signature = match target {
            Target::Direct(func) => self.builder.func.dfg.ext_funcs[func].signature,
            Target::Address(signature, _) => signature,
        };
        let results = &self.builder.func.dfg.signatures[signature].returns;
        let results = results.iter().map(|result| result.value_type).collect::<Vec<_>>();
        let normal = self.block_with_params(&results);
        let results = (0..results.len() as u32).map(BlockArg::TryCallRet);
        let normal_call = BlockCall::new(normal, results, &mut self.builder.func.dfg.value_lists);
        let handlers = self.handlers();
        let table = ExceptionTableData::new(signature, normal_call, handlers);
        let table = self.builder.func.dfg.exception_tables.push(table);
        match target {
            Target::Direct(func) => self.ins().try_call(func, args, table),
            Target::Address(_, code) => self.ins().try_call_indirect(code, args, table),
        };
        self.builder.seal_block(normal);
        self.enter(normal);
        self.builder.block_params(normal).to_vec()
    }

    /// The handlers of all `try` blocks around the current operator, innermost first.
    fn handlers(&mut self) -> Vec<ExceptionTableItem> {
        let mut clauses: Vec<Clause> = Vec::new();
        let mut frames_len = self.frames.len();
        for (position, frame) in self.frames.iter().enumerate().rev() {
            let FrameKind::Try(tried) = &frame.kind else { continue };
            if position >= frames_len {
                continue;
            }
            frames_len = tried.delegated_to.unwrap_or(frames_len);
            // An inner clause with the same tag hides the outer one.
            for clause in &tried.clauses {
                if clauses.iter().all(|inner| inner.id != clause.id) {
                    clauses.push(*clause);
                }
            }
            if clauses.iter().any(|clause| clause.tag.is_none()) {
                break;
            }
        }
        let last = clauses.iter().position(|clause| clause.tag.is_none());
        clauses.truncate(last.map_or(clauses.len(), |last| last + 1));
        let payload = [BlockArg::TryCallExn(0), BlockArg::TryCallExn(1)];
        let mut items = Vec::with_capacity(clauses.len());
        for clause in clauses {
            let lists = &mut self.builder.func.dfg.value_lists;
            let call = BlockCall::new(clause.landing, payload, lists);
            items.push(match clause.id {
                Some(TagId(id)) => ExceptionTableItem::Tag(ExceptionTag::from_u32(id), call),
                None => ExceptionTableItem::Default(call),
            });
        }
        items
    }

    fn begin_try_table(&mut self, table: &TryTable) {
        let body = self.builder.create_block();
        self.ins().jump(body, &[]);
        self.builder.seal_block(body);
        let mut clauses = Vec::with_capacity(table.catches.len());
        for catch in &table.catches {
            let (tag, label, has_reference) = match *catch {
                Catch::One { tag, label } => (Some(TagIndex(tag)), label, false),
                Catch::OneRef { tag, label } => (Some(TagIndex(tag)), label, true),
                Catch::All { label } => (None, label, false),
                Catch::AllRef { label } => (None, label, true),
            };
            let landing = self.block_with_params(&[I64, I64]);
            self.enter(landing);
            let (exception, values) = self.landing_params(landing);
            let mut args = self.payload(tag, values);
            args.extend(has_reference.then_some(exception));
            let args = args.into_iter().map(BlockArg::Value).collect::<Vec<_>>();
            let (target, _) = self.target(label);
            self.ins().jump(target, &args);
            clauses.push(Clause { tag, id: self.tag_id(tag), landing });
        }
        self.enter(body);
        self.push_frame(table.ty, FrameKind::Try(Try { clauses, delegated_to: None }));
    }

    /// Makes the landings of the `try` that was just met.
    fn legacy_try(&mut self) -> Try {
        let known = std::mem::take(&mut self.scope.legacy_tries[self.scope.legacy_tries_seen]);
        self.scope.legacy_tries_seen += 1;
        let mut clauses = Vec::with_capacity(known.catches.len());
        for tag in known.catches {
            let landing = self.block_with_params(&[I64, I64]);
            clauses.push(Clause { tag, id: self.tag_id(tag), landing });
        }
        // Depth 0 is the block around this `try`: it and all around it remain.
        let delegated_to = known.delegate.map(|depth| self.frames.len() - depth as usize);
        Try { clauses, delegated_to }
    }

    /// A legacy `catch` or `catch_all`: the body or the clause before it is over.
    pub(super) fn begin_catch(&mut self) {
        if self.is_reachable {
            self.jump_to_exit();
        }
        let frame = self.frames.last_mut().expect("validated: `catch` is in a `try`");
        let (height, facts_mark) = (frame.height, frame.facts_mark);
        let kind = std::mem::replace(&mut frame.kind, FrameKind::Block);
        let mut tried = match kind {
            FrameKind::Try(tried) => tried,
            FrameKind::Catch { rest, .. } => rest,
            _ => unreachable!("validated: `catch` is in a `try`"),
        };
        let clause = tried.clauses.remove(0);
        self.stack.truncate(height);
        // All calls of the body are behind, so nothing else leads here.
        self.builder.seal_block(clause.landing);
        self.enter(clause.landing);
        self.facts.forget(facts_mark);
        self.is_reachable = true;
        let (exception, values) = self.landing_params(clause.landing);
        let payload = self.payload(clause.tag, values);
        self.stack.extend(payload);
        self.frame(0).kind = FrameKind::Catch { exception, rest: tried };
    }

    /// The identity of a tag of the current body.
    fn tag_id(&self, tag: Option<TagIndex>) -> Option<TagId> {
        tag.map(|tag| self.scope.instance.tags[tag.index()])
    }

    /// No call leads to the landings of `tried` any longer.
    pub(super) fn end_try(&mut self, tried: &Try) {
        for clause in &tried.clauses {
            self.builder.seal_block(clause.landing);
        }
    }

    /// The reference to the exception, and the address of its values.
    fn landing_params(&mut self, landing: Block) -> (Value, Value) {
        let [exception, values] = *self.builder.block_params(landing) else {
            unreachable!("a landing has two parameters");
        };
        (self.ins().ireduce(I32, exception), values)
    }

    /// The values of an exception with this tag, read from their address.
    fn payload(&mut self, tag: Option<TagIndex>, address: Value) -> Vec<Value> {
        let Some(tag) = tag else { return Vec::new() };
        let mut values = Vec::new();
        for (position, ty) in self.tag_params(tag).to_vec().iter().enumerate() {
            let flags = self.trusted(Region::Exception);
            let offset = i32::try_from(position * size_of::<RawValue>());
            let offset = offset.expect("the parameters of a type are bounded");
            let value = self.ins().load(value_type(*ty), flags, address, offset);
            self.note(value, *ty);
            values.push(value);
        }
        values
    }

    fn tag_params(&self, tag: TagIndex) -> &[ValType] {
        let module = &*self.scope.instance.module;
        &module.types[module.tags[tag.index()].index()].params
    }

    fn throw(&mut self, tag: TagIndex) {
        let params_len = self.tag_params(tag).len();
        let values = self.pop_n(params_len);
        let bytes = u32::try_from(params_len.max(1) * size_of::<RawValue>());
        let bytes = bytes.expect("the parameters of a type are bounded");
        let slot = self.builder.create_sized_stack_slot(StackSlotData::new(
            StackSlotKind::ExplicitSlot,
            bytes,
            4,
        ));
        for (position, value) in values.into_iter().enumerate() {
            let offset = i32::try_from(position * size_of::<RawValue>());
            let offset = offset.expect("the parameters of a type are bounded");
            self.ins().stack_store(I64, value, slot, offset);
        }
        let address = self.ins().stack_addr(I64, slot, 0);
        let TagId(id) = self.scope.instance.tags[tag.index()];
        let tag = self.imm32(id);
        self.call_throwing_builtin(Builtin::Throw, &[tag, address]);
    }
}
