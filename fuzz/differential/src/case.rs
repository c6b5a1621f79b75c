//! From a seed to a module and the calls that are made to it.

use std::sync::Arc;

use arbitrary::Unstructured;
use dynvm_jit::{CompileTime, Tiers};
use dynvm_vm::module::{Entity, Module};
use dynvm_vm::types::{FuncType, HeapType, RefType, Shape, TableType, ValType};
use wasmparser::{Operator, Parser, Payload};

use crate::value::{HOST, Random, Value};

/// Most bytes of objects.
pub const HEAP_BYTES_MAX: usize = 16 << 20;
/// Loop turns and function entries of each call.
pub const FUEL: u32 = 1000;
/// The export by which each call gets its fuel.
pub const FUEL_EXPORT: &str = "differential.fuel";

const PAGES_MAX: u64 = 10;
const MODULE_SEED_BYTES: usize = 8192;
const CALLS_PER_FUNCTION: usize = 3;

/// A module and what is done with it.
pub struct Case {
    pub bytes: Vec<u8>,
    /// What dynvm makes of the bytes.
    pub module: Result<Arc<Module>, String>,
    pub drawn: Drawn,
    pub calls: Vec<Call>,
    /// Whether dynvm collects garbage at every allocation.
    pub is_heap_stressed: bool,
    /// Whether its first memory and table are the process's, which compiled code reaches by the
    /// pinned register.
    pub is_process: bool,
    /// When dynvm compiles it, and how.
    pub compile: CompileTime,
}

/// The ways of compiling that are compared, in turn.
fn compile_time(number: u64) -> CompileTime {
    match number % 3 {
        0 => CompileTime::Eager,
        1 => CompileTime::Lazy(Tiers::Baseline),
        _ => CompileTime::Lazy(Tiers::Hasty),
    }
}

impl Case {
    /// Whether its first table is the process's.
    pub fn has_process_table(&self) -> bool {
        self.is_process && self.module.as_ref().is_ok_and(|module| first_table(module).is_some())
    }

    /// Whether it has types of structs or arrays.
    pub fn has_objects(&self) -> bool {
        self.module.as_ref().is_ok_and(|module| {
            module.declarations.iter().any(|declaration| declaration.shape != Shape::Func)
        })
    }

    /// Whether it waits or notifies at an index plus something.
    pub fn adds_to_words(&self) -> bool {
        self.module.as_ref().is_ok_and(|module| {
            operators(module).any(|op| match op {
                Operator::MemoryAtomicNotify { memarg }
                | Operator::MemoryAtomicWait32 { memarg }
                | Operator::MemoryAtomicWait64 { memarg } => memarg.offset != 0,
                _ => false,
            })
        })
    }
}

/// What kind of module was drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drawn {
    Plain,
    WithoutThreads,
    WithTypedReferences,
}

/// A call of an export.
#[derive(Debug)]
pub struct Call {
    pub export: String,
    pub args: Vec<Value>,
}

/// Which cases seeds stand for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// Only modules with garbage collection, not every fourth.
    pub is_gc_only: bool,
    /// Every allocation collects, not only those of every eighth module (of every second with
    /// `is_gc_only`).
    pub is_stressed: bool,
    /// Only modules of numbers, with one memory and table, the process's: what the baseline compiler
    /// knows.
    pub is_baseline_only: bool,
}

/// The case of a seed; always the same.
pub fn draw(seed: u64, selection: Selection) -> Case {
    // The last bits of a seed say what kind of module it stands for: see `draw_module`.
    let seed = if selection.is_gc_only { seed << 2 | 3 } else { seed };
    let mut random = Random(seed);
    if selection.is_baseline_only {
        return draw_plain(seed, &mut random);
    }
    let (bytes, module, drawn) = draw_module(seed, &mut random);
    // All modules with garbage collection have odd seeds.
    let is_drawn_process = if selection.is_gc_only { seed & 8 == 0 } else { seed % 2 == 1 };
    let is_process = match &module {
        Ok(module) => is_drawn_process && can_have_process_table(module),
        Err(_) => false,
    };
    let calls = module.as_ref().map_or(Vec::new(), |module| calls(module, &mut random));
    let is_heap_stressed = selection.is_stressed || seed % 8 == 7;
    let compile = compile_time(seed >> 3);
    Case { bytes, module, drawn, calls, is_heap_stressed, is_process, compile }
}

/// A case of numbers alone.
fn draw_plain(seed: u64, random: &mut Random) -> Case {
    loop {
        let config = wasm_smith::Config {
            bulk_memory_enabled: true,
            custom_page_sizes_enabled: false,
            exceptions_enabled: false,
            max_instructions: 100 + random.next() as usize % 400,
            max_memories: 1,
            max_tables: 1,
            memory64_enabled: false,
            min_memories: 1,
            min_tables: 1,
            reference_types_enabled: false,
            relaxed_simd_enabled: false,
            simd_enabled: false,
            tail_call_enabled: false,
            threads_enabled: false,
            wide_arithmetic_enabled: false,
            ..config(random)
        };
        let Some(bytes) = generate(config, &random.bytes(MODULE_SEED_BYTES)) else { continue };
        let module = decode(&bytes);
        let Ok(known) = &module else { continue };
        if !can_have_process_table(known) {
            continue;
        }
        let calls = calls(known, random);
        let compile = compile_time(1 + seed % 2);
        let (drawn, is_process, is_heap_stressed) = (Drawn::Plain, true, false);
        return Case { bytes, module, drawn, calls, is_heap_stressed, is_process, compile };
    }
}

/// The case that a fuzzer's bytes stand for: eight that say what kind of module, the others what is
/// in it. `None` for bytes that are no case.
pub fn of_bytes(data: &[u8]) -> Option<Case> {
    let (seed, content) = data.split_first_chunk()?;
    let mut random = Random(u64::from_le_bytes(*seed));
    let gc_enabled = seed[0] % 4 == 3;
    let config = wasm_smith::Config { gc_enabled, max_types: 10, ..config(&mut random) };
    let bytes = generate(config, content)?;
    let module = decode(&bytes);
    if gc_enabled && module.is_err() || module.as_ref().is_ok_and(|module| can_block(module)) {
        return None;
    }
    let is_process =
        seed[0] % 2 == 1 && module.as_ref().is_ok_and(|module| can_have_process_table(module));
    let calls = module.as_ref().map_or(Vec::new(), |module| calls(module, &mut random));
    let is_heap_stressed = seed[0] % 8 == 7;
    let (drawn, compile) = (Drawn::Plain, compile_time(seed[1].into()));
    Some(Case { bytes, module, drawn, calls, is_heap_stressed, is_process, compile })
}

type DrawnModule = (Vec<u8>, Result<Arc<Module>, String>, Drawn);

fn draw_module(seed: u64, random: &mut Random) -> DrawnModule {
    // Typed references come with garbage collection only.
    let tries = if seed % 4 == 3 { 100 } else { 0 };
    for _ in 0..tries {
        let config = wasm_smith::Config { gc_enabled: true, max_types: 20, ..config(random) };
        let Some(bytes) = generate(config, &random.bytes(MODULE_SEED_BYTES)) else { continue };
        if let Ok(module) = decode(&bytes)
            && uses_typed_references(&module)
            && !can_block(&module)
        {
            return (bytes, Ok(module), Drawn::WithTypedReferences);
        }
    }
    // Few modules have a table that can be the process's.
    let tries = if seed % 8 == 5 { 30 } else { 0 };
    for _ in 0..tries {
        let config = wasm_smith::Config { min_tables: 1, ..config(random) };
        let Some(bytes) = generate(config, &random.bytes(MODULE_SEED_BYTES)) else { continue };
        if let Ok(module) = decode(&bytes)
            && first_table(&module).is_some()
            && can_have_process_table(&module)
            && !can_block(&module)
        {
            return (bytes, Ok(module), Drawn::Plain);
        }
    }
    let mut drawn = Drawn::Plain;
    loop {
        let mut config = config(random);
        config.threads_enabled &= drawn == Drawn::Plain;
        let Some(bytes) = generate(config, &random.bytes(MODULE_SEED_BYTES)) else { continue };
        let module = decode(&bytes);
        if module.as_ref().is_ok_and(|module| can_block(module)) {
            drawn = Drawn::WithoutThreads;
            continue;
        }
        return (bytes, module, drawn);
    }
}

fn config(random: &mut Random) -> wasm_smith::Config {
    let size = random.next();
    wasm_smith::Config {
        available_imports: Some(wat::parse_str(HOST).expect("the host's module is one")),
        canonicalize_nans: true,
        compact_imports_enabled: false,
        custom_page_sizes_enabled: size % 8 == 1,
        export_everything: true,
        gc_enabled: false,
        max_exports: 100,
        max_funcs: 2 + (size >> 8) as usize % 8,
        max_imports: (size >> 16) as usize % 5,
        max_instructions: 50 + (size >> 24) as usize % 150,
        max_memories: 3,
        max_memory32_bytes: PAGES_MAX << 16,
        max_memory64_bytes: u128::from(PAGES_MAX << 16),
        max_table_elements: 100,
        max_tables: 3,
        memory_max_size_required: true,
        min_funcs: 1,
        min_memories: (size >> 32) as u32 % 2,
        min_tables: (size >> 40) as u32 % 2,
        table_max_size_required: true,
        ..wasm_smith::Config::default()
    }
}

fn generate(config: wasm_smith::Config, content: &[u8]) -> Option<Vec<u8>> {
    let mut module = wasm_smith::Module::new(config, &mut Unstructured::new(content)).ok()?;
    let fuel = module.ensure_termination(FUEL).ok()?;
    export_global(&module.to_bytes(), fuel)
}

fn decode(bytes: &[u8]) -> Result<Arc<Module>, String> {
    dynvm_jit::decode(bytes).map(Arc::new).map_err(|error| error.to_string())
}

/// The module with one more export.
fn export_global(bytes: &[u8], global: u32) -> Option<Vec<u8>> {
    for payload in Parser::new(0).parse_all(bytes) {
        let Payload::ExportSection(section) = payload.ok()? else { continue };
        let content = section.range();
        let content = content.start as usize..content.end as usize;
        let content_bytes = &bytes[content.clone()];
        let count_len = content_bytes.iter().position(|byte| byte & 0x80 == 0)? + 1;
        let mut exports = leb128(section.count() + 1);
        exports.extend(&content_bytes[count_len..]);
        exports.extend(leb128(FUEL_EXPORT.len() as u32));
        exports.extend(FUEL_EXPORT.as_bytes());
        exports.push(3);
        exports.extend(leb128(global));
        // The section's number stands before its length.
        let length_len = leb128(content.len() as u32).len();
        let mut result = bytes[..content.start - length_len].to_vec();
        result.extend(leb128(exports.len() as u32));
        result.extend(exports);
        result.extend(&bytes[content.end..]);
        return Some(result);
    }
    None
}

fn leb128(mut value: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

/// The first table, if it is one that can be the process's.
fn first_table(module: &Module) -> Option<TableType> {
    module.tables.first().copied().filter(|ty| ty.element == RefType::FUNCREF && !ty.is_64)
}

/// The process table has one element at least, and no maximum.
fn can_have_process_table(module: &Module) -> bool {
    first_table(module).is_none_or(|ty| {
        ty.len_min > 0
            && !operators(module).any(|op| matches!(op, Operator::TableGrow { table: 0 }))
    })
}

fn uses_typed_references(module: &Module) -> bool {
    let is_typed = |ty: &ValType| match ty {
        ValType::Ref(ty) => !ty.is_nullable || matches!(ty.heap, HeapType::Concrete(_)),
        _ => false,
    };
    let in_types = module.types.iter().any(|ty| ty.params.iter().chain(&ty.results).any(is_typed));
    in_types
        || module.globals.iter().any(|global| is_typed(&global.value))
        || module.tables.iter().any(|table| is_typed(&ValType::Ref(table.element)))
        || operators(module).any(|op| {
            matches!(
                op,
                Operator::CallRef { .. }
                    | Operator::ReturnCallRef { .. }
                    | Operator::RefAsNonNull
                    | Operator::BrOnNull { .. }
                    | Operator::BrOnNonNull { .. }
            )
        })
}

/// Whether a function waits at a memory that could have another thread, but has none.
fn can_block(module: &Module) -> bool {
    module.memories.iter().any(|memory| memory.is_shared)
        && operators(module).any(|op| {
            matches!(op, Operator::MemoryAtomicWait32 { .. } | Operator::MemoryAtomicWait64 { .. })
        })
}

fn operators(module: &Module) -> impl Iterator<Item = Operator<'_>> {
    Parser::new(0)
        .parse_all(&module.bytes)
        .filter_map(|payload| match payload {
            Ok(Payload::CodeSectionEntry(body)) => body.get_operators_reader().ok(),
            _ => None,
        })
        .flat_map(|reader| reader.into_iter().filter_map(Result::ok))
}

fn calls(module: &Module, random: &mut Random) -> Vec<Call> {
    let mut calls = Vec::new();
    for export in &module.exports {
        let Entity::Func(func) = export.entity else { continue };
        for _ in 0..CALLS_PER_FUNCTION {
            if let Some(args) = args(module.func_type(func), random) {
                calls.push(Call { export: export.name.to_string(), args });
            }
        }
    }
    calls
}

/// Arguments, unless the host cannot make one.
fn args(ty: &FuncType, random: &mut Random) -> Option<Vec<Value>> {
    ty.params
        .iter()
        .map(|param| match param {
            ValType::Ref(ty) if ty.heap == HeapType::Extern => {
                let is_null = ty.is_nullable && random.next() % 2 == 0;
                Some(if is_null { Value::Null } else { Value::Extern(random.next() as u32 >> 2) })
            }
            ValType::Ref(ty) if matches!(ty.heap, HeapType::Any | HeapType::Eq | HeapType::I31) => {
                let is_null = ty.is_nullable && random.next() % 2 == 0;
                Some(if is_null { Value::Null } else { Value::I31(random.next() as u32 >> 1) })
            }
            ValType::Ref(ty) => ty.is_nullable.then_some(Value::Null),
            number => Some(random.number(number)),
        })
        .collect()
}

/// What is observed of a memory.
pub fn memory(name: &str, bytes: &[u8]) -> String {
    let mut hash = Random(bytes.len() as u64);
    let (words, rest) = bytes.as_chunks::<8>();
    for word in words {
        hash.0 ^= u64::from_le_bytes(*word);
        hash.next();
    }
    for byte in rest {
        hash.0 ^= u64::from(*byte);
        hash.next();
    }
    format!("memory {name:?} of {} bytes, hash {:016x}", bytes.len(), hash.next())
}
