//! References to objects: `i31`, comparison, and casts in constant time.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::types::{I32, I64};
use cranelift_codegen::ir::{Block, BlockArg, InstBuilder, Value};
use wasmparser::Operator;

use super::known::{Bound, Known};
use super::region::Region;
use super::{Translator, trap_code};
use crate::decode::heap_type;
use crate::vm::code::TrapCode;
use crate::vm::context::{FUNCTIONS_OFFSET, HEAP_START, VmContext, VmFuncRef};
use crate::vm::layout::{ARRAY_BIT, TYPE_ROW_BYTES, header};
use crate::vm::types::{HeapType, RefType, Shape, TypeIndex, ValType};

impl Translator<'_> {
    pub(super) fn reference(&mut self, op: &Operator<'_>) -> bool {
        match op {
            Operator::RefEq => {
                let (left, right) = self.pop2();
                let is_same = self.ins().icmp(IntCC::Equal, left, right);
                let is_same = self.ins().uextend(I32, is_same);
                self.push(is_same);
            }
            Operator::RefI31 => {
                let number = self.pop();
                let shifted = self.ins().ishl_imm_u(number, 1);
                let reference = self.ins().bor_imm_u(shifted, 1);
                self.push(reference);
            }
            Operator::I31GetS => {
                let reference = self.non_null_i31();
                let number = self.ins().sshr_imm_u(reference, 1);
                self.push(number);
            }
            Operator::I31GetU => {
                let reference = self.non_null_i31();
                let number = self.ins().ushr_imm_u(reference, 1);
                self.push(number);
            }
            // One representation serves both.
            Operator::AnyConvertExtern | Operator::ExternConvertAny => {}
            Operator::RefTestNonNull { hty } => self.test(target(*hty, false)),
            Operator::RefTestNullable { hty } => self.test(target(*hty, true)),
            Operator::RefCastNonNull { hty } => self.cast(target(*hty, false)),
            Operator::RefCastNullable { hty } => self.cast(target(*hty, true)),
            Operator::BrOnCast { relative_depth, to_ref_type, .. } => {
                let to = target(to_ref_type.heap_type(), to_ref_type.is_nullable());
                self.branch_on_cast(*relative_depth, to, true);
            }
            Operator::BrOnCastFail { relative_depth, to_ref_type, .. } => {
                let to = target(to_ref_type.heap_type(), to_ref_type.is_nullable());
                self.branch_on_cast(*relative_depth, to, false);
            }
            _ => return false,
        }
        true
    }

    /// What values of a type refer to, if the collector may change them; else `None`.
    pub(super) fn bound(&self, ty: ValType) -> Option<Bound> {
        let ValType::Ref(RefType { heap, .. }) = ty else { return None };
        match heap {
            HeapType::Any | HeapType::Extern => Some(Bound::Any),
            HeapType::Eq => Some(Bound::Eq),
            HeapType::Array => Some(Bound::Object),
            HeapType::Struct => Some(Bound::Struct),
            HeapType::Concrete(index) => {
                match self.scope.module.declarations[index.index()].shape {
                    Shape::Func => None,
                    Shape::Array(_) => Some(Bound::Object),
                    Shape::Struct(_) => Some(Bound::Struct),
                }
            }
            _ => None,
        }
    }

    /// What a type says of its values.
    fn known_by_type(&self, ty: RefType) -> Known {
        let bound = self.bound(ValType::Ref(ty)).unwrap_or(Bound::Any);
        Known { bound, is_non_null: !ty.is_nullable }
    }

    /// Notes that `value`, which was just made, is of type `ty`: if the collector may change it, it is
    /// in the stack maps of calls that it lives across.
    pub(super) fn note(&mut self, value: Value, ty: ValType) {
        if self.bound(ty).is_some() {
            self.builder.declare_value_needs_stack_map(value);
        }
        if let ValType::Ref(ty) = ty {
            let known = self.known_by_type(ty);
            self.facts.define(value, known);
        }
    }

    /// Notes that `value`, which was just made, refers to an object.
    pub(super) fn note_object(&mut self, value: Value) {
        self.builder.declare_value_needs_stack_map(value);
        self.facts.define(value, Known { bound: Bound::Object, is_non_null: true });
    }

    /// Notes that `value` is of type `ty` from here on.
    pub(super) fn learn_type(&mut self, value: Value, ty: ValType) {
        if let ValType::Ref(ty) = ty {
            let known = self.known_by_type(ty);
            self.facts.learn(value, known);
        }
    }

    /// Traps if a reference is null.
    pub(super) fn trap_if_null(&mut self, reference: Value, code: TrapCode) {
        if !self.facts.of(reference).is_non_null {
            self.ins().trapz(reference, trap_code(code));
            self.facts.learn_non_null(reference);
        }
    }

    fn non_null_i31(&mut self) -> Value {
        let reference = self.pop();
        self.trap_if_null(reference, TrapCode::NullI31Reference);
        reference
    }

    fn test(&mut self, to: RefType) {
        let reference = self.pop();
        let (yes, no) = (self.builder.create_block(), self.builder.create_block());
        let done = self.block_with_params(&[I32]);
        self.branch_by_type(reference, to, yes, no, None);
        for (block, answer) in [(yes, 1), (no, 0)] {
            self.enter(block);
            let answer = self.imm32(answer);
            self.ins().jump(done, &[BlockArg::Value(answer)]);
        }
        self.builder.seal_block(done);
        self.enter(done);
        let answer = self.builder.block_params(done)[0];
        self.push(answer);
    }

    fn cast(&mut self, to: RefType) {
        let reference = self.peek_n(1)[0];
        let (yes, no) = (self.builder.create_block(), self.builder.create_block());
        self.branch_by_type(reference, to, yes, no, Some(TrapCode::CastFailure));
        self.builder.set_cold_block(no);
        self.enter(no);
        self.ins().trap(trap_code(TrapCode::CastFailure));
        self.enter(yes);
        self.learn_type(reference, ValType::Ref(to));
    }

    /// Branches, if the topmost operand is of a type or if it is not; it stays where it is.
    fn branch_on_cast(&mut self, depth: u32, to: RefType, is_wanted: bool) {
        let reference = self.peek_n(1)[0];
        let (taken, next) = (self.builder.create_block(), self.builder.create_block());
        let (yes, no) = if is_wanted { (taken, next) } else { (next, taken) };
        self.branch_by_type(reference, to, yes, no, None);
        self.enter(taken);
        let (target, count) = self.target(depth);
        self.jump_to(target, count);
        self.enter(next);
        if !is_wanted {
            self.learn_type(reference, ValType::Ref(to));
        } else if to.is_nullable {
            self.facts.learn_non_null(reference);
        }
    }

    /// Ends the block with a branch to `yes` if `reference` is of type `to`, and to `no` if it is
    /// not. Nothing else leads to either. `trap` is what `no` does, if that is all it does.
    fn branch_by_type(
        &mut self,
        reference: Value,
        to: RefType,
        yes: Block,
        no: Block,
        trap: Option<TrapCode>,
    ) {
        let on_null = if to.is_nullable { yes } else { no };
        let Known { bound, is_non_null } = self.facts.of(reference);
        match to.heap {
            HeapType::None | HeapType::NoFunc | HeapType::NoExtern | HeapType::NoExn => {
                self.ins().brif(reference, no, &[], on_null, &[]);
            }
            HeapType::Any | HeapType::Func | HeapType::Extern | HeapType::Exn => {
                self.ins().brif(reference, yes, &[], on_null, &[]);
            }
            HeapType::I31 => {
                self.go_on_unless_null(reference, on_null);
                let bit = self.ins().band_imm_u(reference, 1);
                self.ins().brif(bit, yes, &[], no, &[]);
            }
            HeapType::Eq => {
                self.go_on_unless_null(reference, on_null);
                let bit = self.ins().band_imm_u(reference, 1);
                let even = self.next_block(|translator, even| {
                    translator.ins().brif(bit, yes, &[], even, &[]);
                });
                self.enter(even);
                let is_object = self.is_of_heap(reference);
                self.ins().brif(is_object, yes, &[], no, &[]);
            }
            HeapType::Struct | HeapType::Array => {
                self.go_on_unless_null(reference, on_null);
                self.go_on_if_object(reference, bound, no);
                let header = self.header(reference, None);
                let bit = self.ins().band_imm_u(header, i64::from(ARRAY_BIT));
                let (array, other) = if to.heap == HeapType::Array { (yes, no) } else { (no, yes) };
                self.ins().brif(bit, array, &[], other, &[]);
            }
            HeapType::Concrete(ty) => {
                // Where null is no object of the type either, its header faults.
                let null_trap = trap.filter(|_| !to.is_nullable && bound >= Bound::Object);
                if null_trap.is_none() {
                    self.go_on_unless_null(reference, on_null);
                }
                let null_trap = null_trap.filter(|_| !is_non_null);
                self.branch_by_declared_type((reference, bound), ty, (yes, no), null_trap);
            }
            HeapType::Canonical(_) => unreachable!("a module names types by their indices"),
        }
        self.builder.seal_block(yes);
        self.builder.seal_block(no);
    }

    fn branch_by_declared_type(
        &mut self,
        (reference, bound): (Value, Bound),
        ty: TypeIndex,
        (yes, no): (Block, Block),
        null_trap: Option<TrapCode>,
    ) {
        let declaration = &self.scope.module.declarations[ty.index()];
        let id = self.scope.instance.types[ty.index()];
        let found = if declaration.shape == Shape::Func {
            self.func_type(reference)
        } else {
            self.go_on_if_object(reference, bound, no);
            self.header(reference, null_trap)
        };
        let is_equal = self.builder.ins().icmp_imm_u(
            IntCC::Equal,
            found,
            i64::from(header(id, &declaration.shape)),
        );
        if declaration.is_final {
            self.ins().brif(is_equal, yes, &[], no, &[]);
            return;
        }
        let other = self.next_block(|translator, other| {
            translator.ins().brif(is_equal, yes, &[], other, &[]);
        });
        self.enter(other);
        let is_plain = declaration.shape == Shape::Func || bound == Bound::Struct;
        let found = match is_plain {
            true => found,
            false => self.ins().band_imm_u(found, i64::from(!ARRAY_BIT)),
        };
        let context = self.context();
        let flags = self.constant(Region::Context);
        let rows = self.ins().load(I64, flags, context, VmContext::TYPE_ROWS);
        let found = self.widen(found);
        let distance = self.ins().ishl_imm_u(found, i64::from(TYPE_ROW_BYTES.trailing_zeros()));
        let row = self.ins().iadd(rows, distance);
        let flags = self.constant(Region::TypeRow);
        let at = i32::try_from(self.depth(ty) * 4).expect("validation bounds the depth of types");
        let supertype = self.ins().load(I32, flags, row, at);
        let is_subtype = self.ins().icmp_imm_u(IntCC::Equal, supertype, i64::from(id.0));
        self.ins().brif(is_subtype, yes, &[], no, &[]);
    }

    /// How many supertypes a type has.
    fn depth(&self, ty: TypeIndex) -> usize {
        let mut depth = 0;
        let mut current = self.scope.module.declarations[ty.index()].supertype;
        while let Some(ty) = current {
            depth += 1;
            current = self.scope.module.declarations[ty.index()].supertype;
        }
        depth
    }

    /// A block that only the branch which `fill` makes leads to.
    fn next_block(&mut self, fill: impl FnOnce(&mut Self, Block)) -> Block {
        let block = self.builder.create_block();
        fill(self, block);
        self.builder.seal_block(block);
        block
    }

    fn go_on_unless_null(&mut self, reference: Value, on_null: Block) {
        if self.facts.of(reference).is_non_null {
            return;
        }
        let next = self.next_block(|translator, next| {
            translator.ins().brif(reference, next, &[], on_null, &[]);
        });
        self.enter(next);
    }

    /// Goes to `no` if a reference that is not null refers to no object.
    fn go_on_if_object(&mut self, reference: Value, bound: Bound, no: Block) {
        if bound < Bound::Object {
            let bit = self.ins().band_imm_u(reference, 1);
            let next = self.next_block(|translator, next| {
                translator.ins().brif(bit, no, &[], next, &[]);
            });
            self.enter(next);
        }
        if bound == Bound::Any {
            let is_object = self.is_of_heap(reference);
            let next = self.next_block(|translator, next| {
                translator.ins().brif(is_object, next, &[], no, &[]);
            });
            self.enter(next);
        }
    }

    /// Whether a reference that is no number refers to an object.
    fn is_of_heap(&mut self, reference: Value) -> Value {
        let start = self.imm32(HEAP_START);
        self.ins().icmp(IntCC::UnsignedGreaterThanOrEqual, reference, start)
    }

    /// The header of an object; the reference is not null, or traps so.
    fn header(&mut self, reference: Value, null_trap: Option<TrapCode>) -> Value {
        let address = self.object_address(reference);
        let flags = match null_trap {
            Some(code) => self.fallible(Region::Header, code),
            None => self.trusted(Region::Header),
        };
        self.ins().load(I32, flags, address, super::object::place(0))
    }

    /// The type of a function.
    fn func_type(&mut self, reference: Value) -> Value {
        let entry = self.func_ref_address(reference);
        let flags = self.trusted(Region::Functions);
        self.ins().load(I32, flags, entry, FUNCTIONS_OFFSET + VmFuncRef::TYPE_ID)
    }
}

fn target(heap: wasmparser::HeapType, is_nullable: bool) -> RefType {
    RefType { is_nullable, heap: heap_type(heap) }
}
