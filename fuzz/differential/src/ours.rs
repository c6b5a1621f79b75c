//! What a case does in dynvm.

use std::sync::Arc;

use dynvm_jit::{CompileTime, Compiler, LazyCompiler, OptLevel, Settings, Unit};
use dynvm_vm::code::TrapCode;
use dynvm_vm::instance::{Extern, GlobalPlace, Instance, InstanceId};
use dynvm_vm::module::{Entity, EntityType, Module};
use dynvm_vm::reference::Referent;
use dynvm_vm::types::{FuncIndex, HeapType, ValType};
use dynvm_vm::value::{RawValue, Value as Theirs};
use dynvm_vm::{Config, HostFunction, Placement, Process, Stop};

use crate::case::{Case, FUEL, FUEL_EXPORT, HEAP_BYTES_MAX};
use crate::value::{HOST_FUNCTIONS, Value, host_results, returned};

const STACK_SIZE_BYTES: usize = 16 << 20;

/// Everything that can be seen, in order.
pub fn observe(case: &Case) -> Vec<String> {
    let module = match &case.module {
        Ok(module) => module,
        Err(error) => return vec![format!("decode: {error}")],
    };
    let settings =
        Settings { opt_level: OptLevel::Speed, is_verified: true, ..Settings::default() };
    let compiler = Arc::new(Compiler::new(&settings).expect("this processor will do"));
    let config = Config {
        stack_size_bytes: STACK_SIZE_BYTES,
        heap_bytes_max: HEAP_BYTES_MAX as u64,
        is_heap_stressed: case.is_heap_stressed,
        ..Config::default()
    };
    let mut process = Process::new(&config, Arc::<Compiler>::clone(&compiler))
        .expect("there is room for a process");
    let placement = if case.is_process { Placement::Process } else { Placement::Private };
    let id = process.declare("case", Arc::clone(module), placement).expect("it is small");
    let imports = imports(&mut process, module);
    if let Err(error) = process.bind(id, &imports) {
        return vec![format!("bind: {error}")];
    }
    let unit = Unit::new(&process, id);
    match case.compile {
        CompileTime::Eager => match compiler.compile(&unit) {
            Ok(code) => process.publish(id, code),
            Err(error) => return vec![format!("compile: {error}")],
        },
        CompileTime::Lazy(tiers) => {
            let lazy = Arc::new(LazyCompiler::new(Arc::clone(&compiler), tiers, || 0));
            process.set_resolver(Arc::<LazyCompiler>::clone(&lazy));
            lazy.defer(&mut process, unit, &[], &[], &[]).expect("there is memory");
        }
    }
    process.link().expect("all code is there");
    if let Err(stop) = process.initialize(id).and_then(|()| process.start(id)) {
        return vec![format!("instantiate: {}", describe(&stop))];
    }
    let mut seen = vec!["instantiate".to_owned()];
    for call in &case.calls {
        refuel(&mut process, id);
        let ended = invoke(&mut process, id, &call.export, &call.args);
        seen.push(format!("call {:?} {:x?}: {ended}", call.export, call.args));
    }
    look(&mut process, id, &mut seen);
    seen
}

fn imports(process: &mut Process, module: &Module) -> Vec<Extern> {
    let mut functions = Vec::new();
    let mut given = Vec::new();
    for import in &module.imports {
        let EntityType::Func(ty) = import.ty else { panic!("the host has functions only") };
        let ty = module.types[ty.index()].clone();
        let position = HOST_FUNCTIONS.iter().position(|(name, _)| import.field == *name);
        let position = position.expect("the host has it");
        let known = functions.iter().find(|(number, _)| *number == position);
        let func = match known {
            Some((_, func)) => *func,
            None => {
                let params = ty.params.clone();
                let function = HostFunction::new(
                    import.field.as_str(),
                    ty,
                    Arc::new(move |_, values| {
                        let args = params.iter().zip(values.iter());
                        let args = args.map(|(ty, raw)| number(*ty, *raw)).collect::<Vec<_>>();
                        for (slot, result) in values.iter_mut().zip(host_results(position, &args)) {
                            *slot = raw(result);
                        }
                        Ok(())
                    }),
                );
                let func = process.add_host_function(function).expect("they are few");
                functions.push((position, func));
                func
            }
        };
        given.push(Extern::Func(Process::callee(func)));
    }
    given
}

fn refuel(process: &mut Process, id: InstanceId) {
    let instance = Arc::clone(process.instance(id));
    match instance.module.export(FUEL_EXPORT) {
        Some(Entity::Global(global)) => match instance.globals[global.index()] {
            GlobalPlace::Slot(slot) => process.set_global(slot, FUEL.into()),
            other => panic!("the fuel is {other:?}"),
        },
        other => panic!("the fuel is {other:?}"),
    }
}

fn invoke(process: &mut Process, id: InstanceId, export: &str, args: &[Value]) -> String {
    let instance = Arc::clone(process.instance(id));
    let Some(Entity::Func(func)) = instance.module.export(export) else {
        panic!("`{export}` is no function")
    };
    let func = instance.func(func);
    let ty = process.func_type_id(func).and_then(|id| process.func_type(id)).cloned();
    let ty = ty.expect("it has a type");
    let args = args.iter().zip(&ty.params).map(|(arg, ty)| Theirs::from_raw(*ty, raw(*arg)));
    match process.call(func, &args.collect::<Vec<_>>()) {
        Ok(values) => {
            let seen = values.iter().map(|found| value(process, &instance, *found));
            let seen = returned(&seen.collect::<Vec<_>>());
            values.into_iter().for_each(|found| process.release(found));
            seen
        }
        Err(stop) => describe(&stop),
    }
}

/// What is left behind.
fn look(process: &mut Process, id: InstanceId, seen: &mut Vec<String>) {
    let instance = Arc::clone(process.instance(id));
    for export in &instance.module.exports {
        let name = &export.name;
        match export.entity {
            Entity::Memory(index) => {
                let mut bytes = process.memory_bytes(instance.memories[index.index()].id);
                if instance.module.memories[index.index()].is_shared {
                    // wasmtime shows the bytes of these to unsafe code only.
                    bytes.fill(0);
                }
                seen.push(crate::case::memory(name, &bytes));
            }
            Entity::Global(index) => {
                let found = process.global_value(id, index);
                seen.push(format!("global {name:?} {:x?}", value(process, &instance, found)));
            }
            Entity::Table(index) => {
                let table = instance.tables[index.index()].id;
                let mut elements = Vec::new();
                while let Some(found) = process.table_value(table, elements.len() as u64) {
                    elements.push(value(process, &instance, found));
                }
                seen.push(format!("table {name:?} {elements:x?}"));
            }
            Entity::Func(_) | Entity::Tag(_) => {}
        }
    }
}

fn raw(value: Value) -> RawValue {
    match value {
        Value::I32(bits) | Value::F32(bits) => bits.into(),
        Value::Extern(number) => Theirs::host(number).expect("it has 30 bits").raw(),
        Value::I31(number) => Theirs::i31(number.cast_signed()).raw(),
        Value::I64(bits) | Value::F64(bits) => bits.into(),
        Value::V128(bits) => bits.into(),
        Value::Null => RawValue::ZERO,
        Value::Func(_) | Value::Exception | Value::Struct | Value::Array(_) => {
            panic!("no argument is one")
        }
    }
}

fn number(ty: ValType, raw: RawValue) -> Value {
    match ty {
        ValType::I32 => Value::I32(raw.u32()),
        ValType::I64 => Value::I64(raw.u64()),
        ValType::F32 => Value::F32(raw.u32()),
        ValType::F64 => Value::F64(raw.u64()),
        ValType::V128 => Value::V128(raw.u128()),
        ValType::Ref(_) => Value::Null,
    }
}

fn value(process: &Process, instance: &Instance, found: Theirs) -> Value {
    let Theirs::Ref(ty, bits) = found else { return number(found.ty(), found.raw()) };
    match process.referent(found).expect("it was not released") {
        Referent::Null => Value::Null,
        Referent::I31(number) => Value::I31(number.cast_unsigned() & 0x7fff_ffff),
        Referent::Host(number) => Value::Extern(number),
        Referent::Struct(_) => Value::Struct,
        Referent::Array(_) => Value::Array(process.array_len(found).expect("it is an array")),
        Referent::Other => match ty.heap {
            HeapType::Exn | HeapType::NoExn => Value::Exception,
            _ => {
                let mut functions = (0..instance.module.functions.len() as u32).map(FuncIndex);
                let found = functions.find(|func| instance.func(*func).0 == bits);
                Value::Func(found.map_or(u32::MAX, |func| func.0))
            }
        },
    }
}

fn describe(stop: &Stop) -> String {
    let code = match stop {
        Stop::Trap(trap) => trap.code,
        Stop::Exception { .. } => TrapCode::UncaughtException,
        other => return format!("stopped: {other}"),
    };
    let code = match code {
        // wasmtime has one word for both.
        TrapCode::UndefinedElement => TrapCode::TableOutOfBounds,
        TrapCode::NullFunctionReference
        | TrapCode::NullStructureReference
        | TrapCode::NullArrayReference
        | TrapCode::NullI31Reference => TrapCode::NullReference,
        other => other,
    };
    format!("trapped: {code:?}")
}
