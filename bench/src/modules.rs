//! Plain modules in one process that import from each other by name, without any linking section.

use std::collections::HashMap;
use std::sync::Arc;

use dynvm_jit::{Compiler, Unit};
use dynvm_vm::context::FuncId;
use dynvm_vm::instance::{Extern, GlobalPlace, InstanceId, MemoryId, TableId};
use dynvm_vm::module::{Entity, EntityType, Import, Module};
use dynvm_vm::value::{RawValue, Value};
use dynvm_vm::{Config, HostFunction, Placement, Process};

use crate::Result;

/// A process and what its modules can import.
pub struct Modules {
    compiler: Arc<Compiler>,
    process: Process,
    instances: HashMap<String, InstanceId>,
    hosts: HashMap<(String, String), FuncId>,
    /// Whether some module's own memory or table is the process's: the first one's is.
    is_placed: bool,
}

impl Modules {
    /// An empty process with the host function `host.inc`.
    ///
    /// # Errors
    /// If the processor or the address space does not suffice.
    pub fn new() -> Result<Modules> {
        let compiler = Arc::new(Compiler::new(&dynvm_jit::Settings::default())?);
        let process = Process::new(&Config::default(), Arc::<Compiler>::clone(&compiler))?;
        let mut modules = Modules {
            compiler,
            process,
            instances: HashMap::new(),
            hosts: HashMap::new(),
            is_placed: false,
        };
        let inc = |_: &mut Process, value: i32| Ok(std::hint::black_box(value).wrapping_add(1));
        let inc = HostFunction::typed("inc", inc);
        let inc = modules.process.add_host_function(inc)?;
        modules.hosts.insert(("host".to_owned(), "inc".to_owned()), inc);
        Ok(modules)
    }

    /// Gives a module a place with imports that are made up: good for compiling, not for running.
    ///
    /// # Errors
    /// If the process has no room for it.
    pub fn bind_alone(&mut self, module: &Arc<Module>) -> Result<InstanceId> {
        let id = self.process.declare("module", Arc::clone(module), Placement::Process)?;
        let imports = module.imports.iter().map(|import| self.make_up(module, import));
        let imports = imports.collect::<Result<Vec<_>>>()?;
        self.process.bind(id, &imports)?;
        Ok(id)
    }

    fn make_up(&mut self, module: &Module, import: &Import) -> Result<Extern> {
        Ok(match import.ty {
            EntityType::Func(ty) => {
                let function = HostFunction::new(
                    import.field.as_str(),
                    module.types[ty.index()].clone(),
                    Arc::new(|_, _| Ok(())),
                );
                Extern::Func(Process::callee(self.process.add_host_function(function)?))
            }
            EntityType::Table(_) => Extern::Table(TableId::PROCESS),
            EntityType::Memory(_) => Extern::Memory(MemoryId::PROCESS),
            EntityType::Global(ty) if ty.is_mutable => {
                Extern::Global(GlobalPlace::Slot(self.process.add_global(RawValue::ZERO)?))
            }
            EntityType::Global(_) => Extern::Global(GlobalPlace::Constant(RawValue::ZERO)),
            EntityType::Tag(ty) => {
                let ty = self.process.intern_type(&module.types[ty.index()]);
                Extern::Tag(self.process.add_tag(ty))
            }
        })
    }

    /// The compiler of this process.
    #[must_use]
    pub fn compiler(&self) -> &Compiler {
        &self.compiler
    }

    /// Gives modules their places, in order: each imports from those before it by their names.
    ///
    /// # Errors
    /// If an import is not there or is of another type.
    pub fn bind(&mut self, batch: &[(String, Arc<Module>)]) -> Result<Vec<InstanceId>> {
        let mut ids = Vec::with_capacity(batch.len());
        for (name, module) in batch {
            let has_own = module.memories.len() > module.imported_memories as usize
                || module.tables.len() > module.imported_tables as usize;
            let is_first = has_own && !std::mem::replace(&mut self.is_placed, has_own);
            let placement = if is_first { Placement::Process } else { Placement::Private };
            let id = self.process.declare(name, Arc::clone(module), placement)?;
            let imports = module.imports.iter().map(|import| self.find(import));
            let imports = imports.collect::<Result<Vec<_>>>()?;
            self.process.bind(id, &imports)?;
            self.instances.insert(name.clone(), id);
            ids.push(id);
        }
        Ok(ids)
    }

    /// Compiles bound modules.
    ///
    /// # Errors
    /// If the compiler refuses one.
    pub fn compile(&mut self, ids: &[InstanceId]) -> Result<()> {
        for id in ids {
            let code = self.compiler.compile(&Unit::new(&self.process, *id))?;
            self.process.publish(*id, code);
        }
        Ok(())
    }

    /// Links compiled modules and runs what they run at their start.
    ///
    /// # Errors
    /// If the text is full or guest code stops.
    pub fn start(&mut self, ids: &[InstanceId]) -> Result<()> {
        self.process.link()?;
        for id in ids {
            self.process.initialize(*id)?;
        }
        for id in ids {
            self.process.start(*id)?;
        }
        Ok(())
    }

    /// All steps for one module.
    ///
    /// # Errors
    /// As those of the steps.
    pub fn add(&mut self, name: &str, binary: Vec<u8>) -> Result<InstanceId> {
        let module = Arc::new(dynvm_jit::decode(binary)?);
        let ids = self.bind(&[(name.to_owned(), module)])?;
        self.compile(&ids)?;
        self.start(&ids)?;
        Ok(ids[0])
    }

    /// A function that an instance exports.
    ///
    /// # Errors
    /// If it does not.
    pub fn func(&self, name: &str, export: &str) -> Result<FuncId> {
        let id = self.instances.get(name).ok_or_else(|| format!("no module `{name}`"))?;
        let instance = self.process.instance(*id);
        match instance.module.export(export) {
            Some(Entity::Func(index)) => Ok(instance.func(index)),
            _ => Err(format!("`{name}` exports no function `{export}`").into()),
        }
    }

    /// Calls a function.
    ///
    /// # Errors
    /// If it stops.
    pub fn call(&mut self, func: FuncId, args: &[Value]) -> Result<Vec<Value>> {
        Ok(self.process.call(func, args)?)
    }

    /// The process, to look into.
    #[must_use]
    pub fn process(&self) -> &Process {
        &self.process
    }

    /// The process, to change.
    pub fn process_mut(&mut self) -> &mut Process {
        &mut self.process
    }

    fn find(&self, import: &Import) -> Result<Extern> {
        let host = (import.module.to_string(), import.field.to_string());
        if let Some(func) = self.hosts.get(&host) {
            return Ok(Extern::Func(Process::callee(*func)));
        }
        let unknown = || format!("nothing to import as `{import}`");
        let instance = self.instances.get(import.module.as_str()).ok_or_else(unknown)?;
        let instance = self.process.instance(*instance);
        Ok(match instance.module.export(&import.field).ok_or_else(unknown)? {
            Entity::Func(index) => Extern::Func(instance.callee(index)),
            Entity::Table(index) => Extern::Table(instance.tables[index.index()].id),
            Entity::Memory(index) => Extern::Memory(instance.memories[index.index()].id),
            Entity::Global(index) => Extern::Global(instance.globals[index.index()]),
            Entity::Tag(index) => Extern::Tag(instance.tags[index.index()]),
        })
    }
}
