//! Code between the host and wasm: into wasm from the host, and out to host functions. What the
//! baseline compiler does not know (vectors, more results than registers) is compiled.

use cranelift_codegen::ir::types::I64;
use cranelift_codegen::ir::{
    AbiParam, InstBuilder, MemFlagsData, Signature, StackSlotData, StackSlotKind, Value,
};
use cranelift_codegen::isa::CallConv;
use cranelift_frontend::FunctionBuilder;

use crate::baseline::stub;
use crate::compiler::{Compiler, Worker};
use crate::signature::{self, value_type};
use crate::vm::Stubs;
use crate::vm::code::Code;
use crate::vm::context::Builtin;
use crate::vm::types::{FuncType, ValType};
use crate::vm::value::RawValue;

const SLOT_BYTES: usize = size_of::<RawValue>();

impl Stubs for Compiler {
    fn entry(&self, ty: &FuncType) -> Code {
        if let Ok(code) = stub::entry(ty) {
            return code;
        }
        let mut signature = Signature::new(CallConv::SystemV);
        signature.params = vec![AbiParam::new(I64); 2];
        self.stub(signature, |builder| {
            let entry = builder.current_block().expect("the entry block is current");
            let [code, values] = *builder.block_params(entry) else {
                unreachable!("the signature has two parameters");
            };
            let args = load_all(builder, values, &ty.params);
            let callee = builder.import_signature(signature::wasm(ty));
            let call = builder.ins().call_indirect(callee, code, &args);
            let results = builder.inst_results(call).to_vec();
            store_all(builder, values, &results);
            builder.ins().return_(&[]);
        })
    }

    fn host_call(&self, ty: &FuncType, host_function: u32) -> Code {
        if let Ok(code) = stub::host_call(ty, host_function) {
            return code;
        }
        self.stub(signature::wasm(ty), |builder| {
            let entry = builder.current_block().expect("the entry block is current");
            let params = builder.block_params(entry).to_vec();
            let len_bytes = ty.params.len().max(ty.results.len()) * SLOT_BYTES;
            let slot = builder.create_sized_stack_slot(StackSlotData::new(
                StackSlotKind::ExplicitSlot,
                u32::try_from(len_bytes).expect("validation bounds parameters and results"),
                SLOT_BYTES.trailing_zeros() as u8,
            ));
            let values = builder.ins().stack_addr(I64, slot, 0);
            store_all(builder, values, &params);

            let context = builder.ins().get_pinned_reg(I64);
            let flags = MemFlagsData::trusted();
            let code = builder.ins().load(I64, flags, context, Builtin::HostCall.offset());
            let callee = builder.import_signature(signature::builtin(Builtin::HostCall));
            let function = i64::from(host_function);
            let function = builder.ins().iconst(cranelift_codegen::ir::types::I32, function);
            builder.ins().call_indirect(callee, code, &[context, function, values]);

            let results = load_all(builder, values, &ty.results);
            builder.ins().return_(&results);
        })
    }
}

impl Compiler {
    /// A function without a wasm body. Its shape is ours, so that it always compiles.
    fn stub(&self, signature: Signature, fill: impl FnOnce(&mut FunctionBuilder<'_>)) -> Code {
        let mut worker = Worker::default();
        worker.context.func.signature = signature;
        let func = &mut worker.context.func;
        let mut builder = FunctionBuilder::new(func, &mut worker.builder_context);
        let entry = builder.create_block();
        builder.append_block_params_for_function_params(entry);
        builder.switch_to_block(entry);
        builder.seal_block(entry);
        fill(&mut builder);
        builder.finalize(self.isa().frontend_config());
        self.emit(&mut worker)
            .unwrap_or_else(|message| panic!("a stub does not compile: {message}"))
    }
}

/// Reads values of these types from an array of `RawValue`s.
fn load_all(builder: &mut FunctionBuilder<'_>, array: Value, types: &[ValType]) -> Vec<Value> {
    let offsets = (0..).step_by(SLOT_BYTES);
    let load = |(ty, offset): (&ValType, i32)| {
        builder.ins().load(value_type(*ty), MemFlagsData::trusted(), array, offset)
    };
    types.iter().zip(offsets).map(load).collect()
}

/// Writes values to an array of `RawValue`s, which holds them zero-extended.
fn store_all(builder: &mut FunctionBuilder<'_>, array: Value, values: &[Value]) {
    for (value, offset) in values.iter().zip((0..).step_by(SLOT_BYTES)) {
        let flags = MemFlagsData::trusted();
        let bytes = builder.func.dfg.value_type(*value).bytes();
        // The widest first: a narrower value leaves zeros above itself.
        if bytes < 8 {
            let zero = builder.ins().iconst(I64, 0);
            builder.ins().store(flags, zero, array, offset);
        }
        if bytes < 16 {
            let zero = builder.ins().iconst(I64, 0);
            builder.ins().store(flags, zero, array, offset + 8);
        }
        builder.ins().store(flags, *value, array, offset);
    }
}
