//! What a case does in wasmtime.

use dynvm_vm::code::TrapCode;
use dynvm_vm::module::{Entity, Module};
use wasmtime::{
    AnyRef, Config, Engine, Extern, ExternRef, Func, GcHeapOutOfMemory, I31, Instance, OptLevel,
    Rooted, Store, StoreLimits, StoreLimitsBuilder, ThrownException, Trap, Val,
};

use crate::case::{Case, FUEL, FUEL_EXPORT, HEAP_BYTES_MAX};
use crate::value::{HOST_FUNCTIONS, Value, host_results, returned};

const STACK_SIZE_BYTES: usize = 16 << 20;

/// wasmtime with all features on that modules are drawn with.
pub fn engine() -> Engine {
    let mut config = Config::new();
    // The other extreme of what the compiler, which both have, can do.
    config.cranelift_opt_level(OptLevel::None);
    config.async_stack_size(2 * STACK_SIZE_BYTES);
    config.max_wasm_stack(STACK_SIZE_BYTES);
    config.relaxed_simd_deterministic(true);
    config.shared_memory(true);
    config.wasm_custom_page_sizes(true);
    config.wasm_exceptions(true);
    config.wasm_extended_const(true);
    config.wasm_function_references(true);
    config.wasm_gc(true);
    config.wasm_memory64(true);
    config.wasm_multi_memory(true);
    config.wasm_relaxed_simd(true);
    config.wasm_tail_call(true);
    config.wasm_threads(true);
    config.wasm_wide_arithmetic(true);
    Engine::new(&config).expect("wasmtime can do all that")
}

/// Everything that can be seen, in order.
pub fn observe(engine: &Engine, case: &Case) -> Vec<String> {
    let module = match wasmtime::Module::new(engine, &case.bytes) {
        Ok(module) => module,
        Err(error) => return vec![format!("compile: {error:#}")],
    };
    // Memories are small by their types; what this limits is the heap.
    let limits = StoreLimitsBuilder::new().memory_size(HEAP_BYTES_MAX).build();
    let mut store = Store::new(engine, limits);
    store.limiter(|limits| limits);
    let imports = imports(&mut store, &module);
    let instance = match Instance::new(&mut store, &module, &imports) {
        Ok(instance) => instance,
        Err(error) => return vec![format!("instantiate: {}", describe(&mut store, &error))],
    };
    let decoded = case.module.as_ref().expect("wasmtime took it");
    let mut seen = vec!["instantiate".to_owned()];
    for call in &case.calls {
        let fuel = instance.get_global(&mut store, FUEL_EXPORT).expect("it has fuel");
        fuel.set(&mut store, Val::I32(FUEL.cast_signed())).expect("it can be assigned");
        let ended = invoke(&mut store, &instance, decoded, &call.export, &call.args);
        seen.push(format!("call {:?} {:x?}: {ended}", call.export, call.args));
    }
    look(&mut store, &instance, decoded, &mut seen);
    seen
}

fn imports(store: &mut Store<StoreLimits>, module: &wasmtime::Module) -> Vec<Extern> {
    let mut functions: Vec<(usize, Func)> = Vec::new();
    let mut given = Vec::new();
    for import in module.imports() {
        let ty = import.ty().func().cloned().expect("the host has functions only");
        let position = HOST_FUNCTIONS.iter().position(|(name, _)| *name == import.name());
        let position = position.expect("the host has it");
        let known = functions.iter().find(|(number, _)| *number == position);
        let func = known.map(|(_, func)| *func).unwrap_or_else(|| {
            let func = Func::new(&mut *store, ty, move |_, args, results| {
                let args = args.iter().map(number).collect::<Vec<_>>();
                for (slot, result) in results.iter_mut().zip(host_results(position, &args)) {
                    *slot = numeric_val(result);
                }
                Ok(())
            });
            functions.push((position, func));
            func
        });
        given.push(Extern::Func(func));
    }
    given
}

fn invoke(
    store: &mut Store<StoreLimits>,
    instance: &Instance,
    module: &Module,
    export: &str,
    args: &[Value],
) -> String {
    let func = instance.get_func(&mut *store, export).expect("it is a function");
    let ty = func.ty(&*store);
    let args = args.iter().zip(ty.params()).map(|(arg, ty)| match (arg, ty) {
        (Value::Null, wasmtime::ValType::Ref(ty)) => Val::null_ref(ty.heap_type()),
        (Value::Extern(handle), _) => {
            Val::ExternRef(Some(ExternRef::new(&mut *store, *handle).expect("it is small")))
        }
        (Value::I31(number), _) => {
            let number = I31::wrapping_u32(*number);
            Val::AnyRef(Some(AnyRef::from_i31(&mut *store, number)))
        }
        (number, _) => numeric_val(*number),
    });
    let args = args.collect::<Vec<_>>();
    let mut results = vec![Val::I32(0); ty.results().len()];
    match func.call(&mut *store, &args, &mut results) {
        Ok(()) => {
            let values = results.iter().map(|found| value(store, instance, module, found));
            returned(&values.collect::<Vec<_>>())
        }
        Err(error) => describe(store, &error),
    }
}

/// What is left behind.
fn look(
    store: &mut Store<StoreLimits>,
    instance: &Instance,
    module: &Module,
    seen: &mut Vec<String>,
) {
    for export in &module.exports {
        let name = &export.name;
        match instance.get_export(&mut *store, name).expect("it is exported") {
            Extern::Memory(memory) => seen.push(crate::case::memory(name, memory.data(&*store))),
            Extern::SharedMemory(memory) => {
                seen.push(crate::case::memory(name, &shared_bytes(&memory)));
            }
            Extern::Global(global) => {
                let found = global.get(&mut *store);
                let found = value(store, instance, module, &found);
                seen.push(format!("global {name:?} {found:x?}"));
            }
            Extern::Table(table) => {
                let elements = (0..table.size(&*store)).map(|index| {
                    let element = table.get(&mut *store, index).expect("it is inside");
                    value(store, instance, module, &element.into())
                });
                seen.push(format!("table {name:?} {:x?}", elements.collect::<Vec<_>>()));
            }
            _ => {}
        }
    }
}

/// Only as long as the memory: its bytes are for unsafe code only.
fn shared_bytes(memory: &wasmtime::SharedMemory) -> Vec<u8> {
    vec![0; memory.data_size()]
}

fn numeric_val(value: Value) -> Val {
    match value {
        Value::I32(bits) => Val::I32(bits.cast_signed()),
        Value::I64(bits) => Val::I64(bits.cast_signed()),
        Value::F32(bits) => Val::F32(bits),
        Value::F64(bits) => Val::F64(bits),
        Value::V128(bits) => Val::V128(bits.into()),
        other => panic!("{other:?} is no number"),
    }
}

fn number(val: &Val) -> Value {
    match val {
        Val::I32(number) => Value::I32(number.cast_unsigned()),
        Val::I64(number) => Value::I64(number.cast_unsigned()),
        Val::F32(bits) => Value::F32(*bits),
        Val::F64(bits) => Value::F64(*bits),
        Val::V128(bits) => Value::V128(bits.as_u128()),
        _ => Value::Null,
    }
}

fn value(store: &mut Store<StoreLimits>, instance: &Instance, module: &Module, val: &Val) -> Value {
    match val {
        Val::FuncRef(Some(func)) => {
            let wanted = func.to_raw(&mut *store);
            let mut positions = module.exports.iter().filter_map(|export| {
                let Entity::Func(index) = export.entity else { return None };
                let func = instance.get_func(&mut *store, &export.name)?;
                (func.to_raw(&mut *store) == wanted).then_some(index.0)
            });
            // As dynvm answers: the first of the functions that are one.
            let first = positions.by_ref().min();
            Value::Func(first.unwrap_or(u32::MAX))
        }
        Val::ExternRef(Some(reference)) => {
            let data = reference.data(&*store).expect("it is alive");
            match data.and_then(|data| data.downcast_ref::<u32>()) {
                Some(number) => Value::Extern(*number),
                None => {
                    let any = AnyRef::convert_extern(&mut *store, *reference);
                    object(store, any.expect("it is alive"))
                }
            }
        }
        Val::AnyRef(Some(reference)) => object(store, *reference),
        Val::ExnRef(Some(_)) => Value::Exception,
        number_or_null => number(number_or_null),
    }
}

fn object(store: &mut Store<StoreLimits>, reference: Rooted<AnyRef>) -> Value {
    let alive = "it is alive";
    if let Some(number) = reference.as_i31(&*store).expect(alive) {
        return Value::I31(number.get_u32());
    }
    if let Some(array) = reference.as_array(&*store).expect(alive) {
        return Value::Array(array.len(&*store).expect(alive));
    }
    if reference.is_struct(&*store).expect(alive) {
        return Value::Struct;
    }
    let reference = ExternRef::convert_any(&mut *store, reference).expect(alive);
    let data = reference.data(&*store).expect(alive);
    let number = data.and_then(|data| data.downcast_ref::<u32>());
    Value::Extern(*number.expect("it is the host's"))
}

fn describe(store: &mut Store<StoreLimits>, error: &wasmtime::Error) -> String {
    let code = if error.is::<ThrownException>() {
        store.take_pending_exception();
        TrapCode::UncaughtException
    } else {
        match error.downcast_ref::<Trap>() {
            Some(Trap::StackOverflow) => TrapCode::StackOverflow,
            Some(Trap::MemoryOutOfBounds) => TrapCode::MemoryOutOfBounds,
            Some(Trap::HeapMisaligned) => TrapCode::UnalignedAtomic,
            Some(Trap::TableOutOfBounds) => TrapCode::TableOutOfBounds,
            Some(Trap::IndirectCallToNull) => TrapCode::UninitializedElement,
            Some(Trap::BadSignature) => TrapCode::IndirectCallTypeMismatch,
            Some(Trap::IntegerOverflow) => TrapCode::IntegerOverflow,
            Some(Trap::IntegerDivisionByZero) => TrapCode::IntegerDivideByZero,
            Some(Trap::BadConversionToInteger) => TrapCode::InvalidConversionToInteger,
            Some(Trap::UnreachableCodeReached) => TrapCode::Unreachable,
            Some(Trap::AtomicWaitNonSharedMemory) => TrapCode::ExpectedSharedMemory,
            Some(Trap::NullReference) => TrapCode::NullReference,
            Some(Trap::CastFailure) => TrapCode::CastFailure,
            Some(Trap::ArrayOutOfBounds) => TrapCode::ArrayOutOfBounds,
            Some(Trap::AllocationTooLarge) => TrapCode::HeapExhausted,
            _ if error.is::<GcHeapOutOfMemory<()>>() => TrapCode::HeapExhausted,
            _ => return format!("stopped: {error:#}"),
        }
    };
    format!("trapped: {code:?}")
}
