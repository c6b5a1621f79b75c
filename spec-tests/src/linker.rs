//! Instances by the names that scripts give them, and the imports that are met from them.

use std::collections::HashMap;
use std::sync::Arc;

use dynvm_jit::{CompileTime, Compiler, LazyCompiler, Standard, Unit};
use dynvm_vm::instance::{Extern, InstanceId};
use dynvm_vm::module::{Entity, EntityType, Import, Module};
use dynvm_vm::value::Value;
use dynvm_vm::{Config, Error, Placement, Process, Stop};

use crate::script::Options;

/// What scripts may import without defining it.
const SPECTEST: &str = r#"(module
  (global (export "global_i32") i32 (i32.const 666))
  (global (export "global_i64") i64 (i64.const 666))
  (global (export "global_f32") f32 (f32.const 666.6))
  (global (export "global_f64") f64 (f64.const 666.6))
  (table (export "table") 10 20 funcref)
  (table (export "table64") i64 10 20 funcref)
  (memory (export "memory") 1 2)
  (memory (export "shared_memory") 1 2 shared)
  (func (export "print"))
  (func (export "print_i32") (param i32))
  (func (export "print_i64") (param i64))
  (func (export "print_f32") (param f32))
  (func (export "print_f64") (param f64))
  (func (export "print_i32_f32") (param i32 f32))
  (func (export "print_f64_f64") (param f64 f64)))"#;

/// How many threads compile what no script has called yet.
const COMPILE_THREADS: usize = 1;

/// Why a module did not become an instance.
#[derive(Debug)]
pub(crate) enum Failure {
    /// It is not a module.
    Malformed(String),
    /// Its imports cannot be met.
    Unlinkable(String),
    /// A segment or its start function trapped.
    Stopped(Stop),
}

/// A process and the names of its instances.
pub(crate) struct Linker {
    standard: Standard,
    compiler: Arc<Compiler>,
    /// Who compiles, if functions are compiled when they are called.
    lazy: Option<Arc<LazyCompiler>>,
    pub(crate) process: Process,
    /// By the name in `register`.
    registered: HashMap<String, InstanceId>,
    /// By the `$id` of the module.
    pub(crate) named: HashMap<String, InstanceId>,
    /// The last module of the script.
    current: Option<InstanceId>,
    definitions: HashMap<Option<String>, Arc<Module>>,
}

impl Linker {
    /// An empty process with the `spectest` module. Modules are read and compiled as `options` say.
    pub(crate) fn new(options: Options) -> Result<Self, String> {
        let Options { standard, is_nan_canonical, compile, is_heap_stressed } = options;
        let settings = dynvm_jit::Settings { is_nan_canonical, ..dynvm_jit::Settings::default() };
        let compiler = Arc::new(Compiler::new(&settings).map_err(|error| error.to_string())?);
        // Small limits: some scripts grow until they cannot.
        let config = Config { stack_size_bytes: 1 << 20, is_heap_stressed, ..Config::default() };
        let mut process = Process::new(&config, Arc::<Compiler>::clone(&compiler))
            .map_err(|error| error.to_string())?;
        let lazy = match compile {
            CompileTime::Eager => None,
            CompileTime::Lazy(tiers) => {
                let lazy = LazyCompiler::new(Arc::clone(&compiler), tiers, || COMPILE_THREADS);
                Some(Arc::new(lazy))
            }
        };
        if let Some(lazy) = &lazy {
            process.set_resolver(Arc::<LazyCompiler>::clone(lazy));
        }
        let mut linker = Linker {
            // The `spectest` module has a table with 64-bit indices.
            standard: Standard::NEWEST,
            compiler,
            lazy,
            process,
            registered: HashMap::new(),
            named: HashMap::new(),
            current: None,
            definitions: HashMap::new(),
        };
        let buffer = wast::parser::ParseBuffer::new(SPECTEST).map_err(|error| error.to_string())?;
        let mut text =
            wast::parser::parse::<wast::Wat<'_>>(&buffer).map_err(|error| error.to_string())?;
        let binary = text.encode().map_err(|error| error.to_string())?;
        linker.instantiate(None, &binary).map_err(|failure| format!("spectest: {failure:?}"))?;
        linker.register("spectest", None)?;
        linker.standard = standard;
        Ok(linker)
    }

    /// Decodes `binary` for later `(module instance …)`.
    pub(crate) fn define(&mut self, id: Option<&str>, binary: &[u8]) -> Result<(), Failure> {
        let module = self.decode(binary)?;
        self.definitions.insert(id.map(str::to_owned), Arc::clone(&module));
        self.definitions.insert(None, module);
        Ok(())
    }

    /// An instance of a module defined before.
    pub(crate) fn instantiate_defined(
        &mut self,
        instance: Option<&str>,
        module: Option<&str>,
    ) -> Result<(), Failure> {
        let module = self.definitions.get(&module.map(str::to_owned)).cloned();
        let module = module.ok_or_else(|| Failure::Unlinkable("unknown module".to_owned()))?;
        self.instantiate_module(instance, module)
    }

    /// Decodes and instantiates `binary`; it becomes the current instance, called `id` if given.
    pub(crate) fn instantiate(&mut self, id: Option<&str>, binary: &[u8]) -> Result<(), Failure> {
        let module = self.decode(binary)?;
        self.instantiate_module(id, module)
    }

    fn instantiate_module(&mut self, id: Option<&str>, module: Arc<Module>) -> Result<(), Failure> {
        let unlinkable = |error: Error| Failure::Unlinkable(error.to_string());
        let name = id.unwrap_or("module");
        let instance = self.process.declare(name, Arc::clone(&module), Placement::Private);
        let instance = instance.map_err(unlinkable)?;
        if let Err(failure) = self.link(instance, &module) {
            if let Some(lazy) = &self.lazy {
                lazy.forget(instance);
            }
            self.process.discard(instance);
            return Err(failure);
        }
        // Beyond this point the instance lives on, even if it stops: others may have its functions.

        self.process.initialize(instance).map_err(Failure::Stopped)?;
        self.process.start(instance).map_err(Failure::Stopped)?;
        if let Some(id) = id {
            self.named.insert(id.to_owned(), instance);
        }
        self.current = Some(instance);
        Ok(())
    }

    fn link(&mut self, instance: InstanceId, module: &Module) -> Result<(), Failure> {
        let unlinkable = |error: Error| Failure::Unlinkable(error.to_string());
        let imports = module.imports.iter().map(|import| self.resolve(instance, import));
        let imports = imports.collect::<Result<Vec<_>, _>>()?;
        self.process.bind(instance, &imports).map_err(unlinkable)?;
        let unit = Unit::new(&self.process, instance);
        match &self.lazy {
            Some(lazy) => {
                lazy.defer(&mut self.process, unit, &[], &[], &[]).map_err(unlinkable)?;
            }
            None => {
                let code = self.compiler.compile(&unit);
                let code = code.map_err(|error| Failure::Malformed(error.to_string()))?;
                self.process.publish(instance, code);
            }
        }
        self.process.link().map_err(unlinkable)
    }

    /// Makes an instance's exports importable as `name`.
    pub(crate) fn register(&mut self, name: &str, id: Option<&str>) -> Result<(), String> {
        let instance = self.find(id)?;
        self.registered.insert(name.to_owned(), instance);
        Ok(())
    }

    /// Calls an export.
    pub(crate) fn invoke(
        &mut self,
        id: Option<&str>,
        name: &str,
        args: &[Value],
    ) -> Result<Result<Vec<Value>, Stop>, String> {
        let instance = self.find(id)?;
        let instance = Arc::clone(self.process.instance(instance));
        let Some(Entity::Func(func)) = instance.module.export(name) else {
            return Err(format!("no function `{name}` is exported"));
        };
        let func = instance.func(func);
        let ty = self.process.func_type_id(func).and_then(|id| self.process.func_type(id));
        let ty = ty.ok_or_else(|| format!("`{name}` has no type"))?;
        if args.len() != ty.params.len() {
            return Err(format!("`{name}` takes {ty}"));
        }
        // A literal null has no exact type of its own: it takes the parameter's.
        let args: Vec<_> =
            args.iter().zip(&ty.params).map(|(arg, ty)| Value::from_raw(*ty, arg.raw())).collect();
        Ok(self.process.call(func, &args))
    }

    /// Reads an exported global.
    pub(crate) fn get(&mut self, id: Option<&str>, name: &str) -> Result<Value, String> {
        let id = self.find(id)?;
        let instance = self.process.instance(id);
        let Some(Entity::Global(global)) = instance.module.export(name) else {
            return Err(format!("no global `{name}` is exported"));
        };
        Ok(self.process.global_value(id, global))
    }

    pub(crate) fn find(&self, id: Option<&str>) -> Result<InstanceId, String> {
        let found = match id {
            Some(id) => self.named.get(id).copied(),
            None => self.current,
        };
        found.ok_or_else(|| format!("no instance `{}`", id.unwrap_or("current")))
    }

    fn resolve(&self, importer: InstanceId, import: &Import) -> Result<Extern, Failure> {
        let unknown = || Failure::Unlinkable(format!("unknown import `{import}`"));
        let definer = *self.registered.get(import.module.as_str()).ok_or_else(unknown)?;
        let instance = self.process.instance(definer);
        let entity = instance.module.export(&import.field).ok_or_else(unknown)?;
        let found = match entity {
            Entity::Func(index) => Extern::Func(instance.callee(index)),
            Entity::Table(index) => Extern::Table(instance.tables[index.index()].id),
            Entity::Memory(index) => Extern::Memory(instance.memories[index.index()].id),
            Entity::Global(index) => Extern::Global(instance.globals[index.index()]),
            Entity::Tag(index) => Extern::Tag(instance.tags[index.index()]),
        };
        if let (EntityType::Global(expected), Entity::Global(index)) = (import.ty, entity) {
            let ty = instance.module.globals[index.index()];
            self.process
                .check_global(import, (importer, expected), (definer, ty))
                .map_err(|error| Failure::Unlinkable(error.to_string()))?;
        }
        Ok(found)
    }

    fn decode(&self, binary: &[u8]) -> Result<Arc<Module>, Failure> {
        let module = dynvm_jit::decode_as(self.standard, binary);
        Ok(Arc::new(module.map_err(|error| Failure::Malformed(error.to_string()))?))
    }
}
