//! Calls: direct, through a binding that can change, through a table, into the runtime.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::types::{I32, I64};
use cranelift_codegen::ir::{
    Block, ExtFuncData, ExternalName, FuncRef, InstBuilder, MemFlagsData, SigRef, UserExternalName,
    Value,
};
use wasmparser::{FunctionBody, Operator};

use super::inline::Policy;
use super::region::Region;
use super::{Translator, trap_code};
use crate::signature;
use crate::vm::code::TrapCode;
use crate::vm::context::{Builtin, FUNCTIONS_OFFSET, FuncId, VmContext, VmDescriptor, VmFuncRef};
use crate::vm::instance::TableId;
use crate::vm::types::{FuncIndex, TypeIndex};

/// What is called.
#[derive(Clone, Copy)]
pub(super) enum Target {
    /// A function whose binding is final.
    Direct(FuncRef),
    /// The code at an address.
    Address(SigRef, Value),
}

/// Whether a function calls nothing, neither wasm nor the runtime, on its main path.
pub fn is_leaf(policy: Policy<'_>, body: &FunctionBody<'_>) -> wasmparser::Result<bool> {
    let mut operators = body.get_operators_reader()?;
    while !operators.eof() {
        let op = operators.read()?;
        if let Operator::Call { function_index } = op
            && policy.is_free(policy.instance, FuncIndex(function_index))
        {
            continue;
        }
        if is_call(&op) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Whether an instruction calls something on its main path.
pub fn is_call(op: &Operator<'_>) -> bool {
    matches!(
        op,
        Operator::Call { .. }
            | Operator::Throw { .. }
            | Operator::ThrowRef
            | Operator::Rethrow { .. }
            | Operator::CallIndirect { .. }
            | Operator::CallRef { .. }
            | Operator::MemoryGrow { .. }
            | Operator::MemoryFill { .. }
            | Operator::MemoryCopy { .. }
            | Operator::MemoryInit { .. }
            | Operator::TableGet { .. }
            | Operator::TableSet { .. }
            | Operator::TableGrow { .. }
            | Operator::TableFill { .. }
            | Operator::TableCopy { .. }
            | Operator::TableInit { .. }
            | Operator::StructNew { .. }
            | Operator::StructNewDefault { .. }
            | Operator::ArrayNew { .. }
            | Operator::ArrayNewDefault { .. }
            | Operator::ArrayNewFixed { .. }
            | Operator::ArrayNewData { .. }
            | Operator::ArrayNewElem { .. }
            | Operator::ArrayInitData { .. }
            | Operator::ArrayInitElem { .. }
            | Operator::ArrayCopy { .. }
    )
}

impl Translator<'_> {
    pub(super) fn call(&mut self, op: &Operator<'_>) -> bool {
        match op {
            Operator::Call { function_index } if self.inline(FuncIndex(*function_index)) => {}
            Operator::Call { function_index } => {
                let (target, ty) = self.callee(FuncIndex(*function_index));
                self.call_target(target, ty);
            }
            Operator::CallIndirect { type_index, table_index } => {
                let ty = TypeIndex(*type_index);
                let target = self.callee_in_table(*table_index, ty);
                self.call_target(target, ty);
            }
            Operator::ReturnCall { function_index } => {
                let (target, ty) = self.callee(FuncIndex(*function_index));
                self.tail_call_target(target, ty);
            }
            Operator::ReturnCallIndirect { type_index, table_index } => {
                let ty = TypeIndex(*type_index);
                let target = self.callee_in_table(*table_index, ty);
                self.tail_call_target(target, ty);
            }
            Operator::CallRef { type_index } => {
                let ty = TypeIndex(*type_index);
                let target = self.callee_by_reference(ty);
                self.call_target(target, ty);
            }
            Operator::ReturnCallRef { type_index } => {
                let ty = TypeIndex(*type_index);
                let target = self.callee_by_reference(ty);
                self.tail_call_target(target, ty);
            }
            _ => return false,
        }
        true
    }

    fn call_target(&mut self, target: Target, ty: TypeIndex) {
        let params_len = self.scope.module.types[ty.index()].params.len();
        let args = self.pop_n(params_len);
        let results = self.emit_call(target, &args);
        let module = self.scope.module;
        for (result, ty) in results.iter().zip(&module.types[ty.index()].results) {
            self.note(*result, *ty);
        }
        self.stack.extend(results);
    }

    fn tail_call_target(&mut self, target: Target, ty: TypeIndex) {
        let params_len = self.scope.module.types[ty.index()].params.len();
        let args = self.pop_n(params_len);
        match target {
            Target::Direct(func) => self.ins().return_call(func, &args),
            Target::Address(signature, code) => {
                self.ins().return_call_indirect(signature, code, &args)
            }
        };
        self.lose_control();
    }

    /// Every call but tail calls, which leave no frame for an exception to unwind, and but those
    /// of the runtime, is emitted here. Gives the results.
    pub(super) fn emit_call(&mut self, target: Target, args: &[Value]) -> Vec<Value> {
        if self.is_trying() {
            return self.emit_try_call(target, args);
        }
        let call = match target {
            Target::Direct(func) => self.ins().call(func, args),
            Target::Address(signature, code) => self.ins().call_indirect(signature, code, args),
        };
        self.forget_context();
        self.builder.inst_results(call).to_vec()
    }

    /// Calls a function of the runtime, out of which no exception comes. Operands come without the
    /// context.
    pub(super) fn call_builtin(&mut self, builtin: Builtin, args: &[Value]) -> Option<Value> {
        let (signature, code, all) = self.builtin_call(builtin, args);
        let call = self.ins().call_indirect(signature, code, &all);
        self.forget_context();
        self.builder.inst_results(call).first().copied()
    }

    /// Calls a function of the runtime that throws. What follows is never reached.
    pub(super) fn call_throwing_builtin(&mut self, builtin: Builtin, args: &[Value]) {
        let (signature, code, all) = self.builtin_call(builtin, args);
        self.emit_call(Target::Address(signature, code), &all);
        self.ins().trap(trap_code(TrapCode::UncaughtException));
        self.lose_control();
    }

    fn builtin_call(&mut self, builtin: Builtin, args: &[Value]) -> (SigRef, Value, Vec<Value>) {
        let signature = self.builtins[builtin as usize]
            .unwrap_or_else(|| self.builder.import_signature(signature::builtin(builtin)));
        self.builtins[builtin as usize] = Some(signature);

        let context = self.context();
        let flags = self.constant(Region::Context);
        let code = self.ins().load(I64, flags, context, builtin.offset());
        let mut all = Vec::with_capacity(args.len() + 1);
        all.push(context);
        all.extend_from_slice(args);
        (signature, code, all)
    }

    /// A function of this module's index space.
    fn callee(&mut self, index: FuncIndex) -> (Target, TypeIndex) {
        let ty = self.scope.module.functions[index.index()];
        let callee = self.scope.instance.callee(index);
        if !callee.is_preemptible {
            return (Target::Direct(self.func_ref(callee.func, ty)), ty);
        }
        let context = self.context();
        let flags = self.trusted(Region::Functions);
        let offset = callee.func.offset() + VmFuncRef::CODE;
        let code = self.ins().load(I64, flags, context, offset);
        (Target::Address(self.signature(ty), code), ty)
    }

    fn func_ref(&mut self, func: FuncId, ty: TypeIndex) -> FuncRef {
        if let Some(known) = self.callees.get(&func) {
            return *known;
        }
        let signature = self.signature(ty);
        let name = UserExternalName::new(0, func.0);
        let name = self.builder.func.declare_imported_user_function(name);
        let func_ref = self.builder.import_function(ExtFuncData {
            name: ExternalName::user(name),
            signature,
            // All code of a process lies within reach of a 32-bit displacement.
            colocated: true,
            patchable: false,
        });
        self.callees.insert(func, func_ref);
        func_ref
    }

    fn signature(&mut self, ty: TypeIndex) -> SigRef {
        let id = self.scope.instance.types[ty.index()];
        if let Some(known) = self.signatures.get(&id) {
            return *known;
        }
        let signature = signature::wasm(&self.scope.module.types[ty.index()]);
        let signature = self.builder.import_signature(signature);
        self.signatures.insert(id, signature);
        signature
    }

    /// The function that the topmost operand refers to; null traps. Its type is known.
    fn callee_by_reference(&mut self, ty: TypeIndex) -> Target {
        let reference = self.pop();
        self.trap_if_null(reference, TrapCode::NullFunctionReference);
        let entry = self.func_ref_address(reference);
        let flags = self.trusted(Region::Functions);
        let code = self.ins().load(I64, flags, entry, FUNCTIONS_OFFSET + VmFuncRef::CODE);
        Target::Address(self.signature(ty), code)
    }

    /// Where a function's `VmFuncRef` is, but for [`FUNCTIONS_OFFSET`].
    pub(super) fn func_ref_address(&mut self, reference: Value) -> Value {
        let func = self.widen(reference);
        let size_log2 = i64::from(size_of::<VmFuncRef>().trailing_zeros());
        let distance = self.ins().ishl_imm_u(func, size_log2);
        let context = self.context();
        self.ins().iadd(context, distance)
    }

    /// The function in the table element that the topmost operand selects, its type checked.
    fn callee_in_table(&mut self, table: u32, ty: TypeIndex) -> Target {
        let index = self.pop();
        let (base, distance) = self.element_to_call(table, index);
        let element = self.ins().iadd(base, distance);
        // The load faults where the table ends.
        let region = Region::Table.declare(self.builder.func);
        let checked = MemFlagsData::new()
            .with_aligned()
            .with_trap_code(Some(trap_code(TrapCode::UndefinedElement)))
            .with_alias_region(Some(region));
        let found = self.ins().load(I32, checked, element, VmFuncRef::TYPE_ID);
        let expected = self.scope.instance.types[ty.index()];
        let expected = self.imm32(expected.0);
        let is_other = self.ins().icmp(IntCC::NotEqual, found, expected);
        let is_final = self.scope.module.declarations[ty.index()].is_final;
        self.unlikely_if(is_other, |translator, next| {
            // The same sum, but not the same expression: as one it would be computed on the main
            // path, where the loads need no register for it.
            let element = translator.ins().iadd(distance, base);
            translator.call_builtin(Builtin::IndirectCallFailed, &[element, expected]);
            if is_final {
                // The runtime does not come back from there.
                translator.ins().trap(trap_code(TrapCode::IndirectCallTypeMismatch));
            } else {
                translator.ins().jump(next, &[]);
            }
        });

        let flags = self.trusted(Region::Table);
        let code = self.ins().load(I64, flags, element, VmFuncRef::CODE);
        Target::Address(self.signature(ty), code)
    }

    /// The address of an element, as the table's and the distance from there. The process table is
    /// reserved for every 32-bit index, so that no check is needed here; others are checked.
    fn element_to_call(&mut self, table: u32, index: Value) -> (Value, Value) {
        let place = self.scope.instance.tables[table as usize];
        let is_64 = self.scope.module.tables[table as usize].is_64;
        let index = self.widen(index);
        let context = self.context();
        let is_process = place.id == TableId::PROCESS;
        if !is_process || is_64 {
            let len = self.table_len(table);
            let is_outside = self.ins().icmp(IntCC::UnsignedGreaterThanOrEqual, index, len);
            self.ins().trapnz(is_outside, trap_code(TrapCode::UndefinedElement));
        }
        let base = if is_process {
            let flags = self.constant(Region::Context);
            self.ins().load(I64, flags, context, VmContext::TABLE_BASE)
        } else {
            let flags = self.trusted(Region::Descriptor);
            self.ins().load(I64, flags, context, place.descriptor.offset() + VmDescriptor::BASE)
        };
        let size_log2 = i64::from(size_of::<VmFuncRef>().trailing_zeros());
        (base, self.ins().ishl_imm_u(index, size_log2))
    }

    /// Goes to a block off the main path if `condition` is not zero; `fill` ends that block, and
    /// may go on where it is told.
    fn unlikely_if(&mut self, condition: Value, fill: impl FnOnce(&mut Self, Block)) {
        let unlikely = self.builder.create_block();
        let next = self.builder.create_block();
        self.ins().brif(condition, unlikely, &[], next, &[]);
        self.builder.seal_block(unlikely);
        self.builder.set_cold_block(unlikely);
        self.enter(unlikely);
        fill(self, next);
        self.builder.seal_block(next);
        self.enter(next);
    }
}
