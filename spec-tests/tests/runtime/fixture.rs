//! A process for tests of the runtime.

use std::sync::Arc;

use dynvm_jit::{CompileTime, Compiler, LazyCompiler, Settings, Unit};
use dynvm_vm::context::FuncId;
use dynvm_vm::instance::{Extern, InstanceId};
use dynvm_vm::module::Entity;
use dynvm_vm::types::{FuncType, ValType};
use dynvm_vm::value::{RawValue, Value};
use dynvm_vm::{Config, HostFunction, Placement, Process, Stop, Trap};

/// A process whose modules import from `host`.
pub struct Fixture {
    pub compiler: Arc<Compiler>,
    pub process: Process,
    pub host: Vec<(&'static str, FuncId)>,
    /// Who compiles functions when they are called; without it all are compiled before.
    pub lazy: Option<Arc<LazyCompiler>>,
}

/// `DYNVM_COMPILE` says when functions are compiled.
fn compile_time() -> CompileTime {
    let time = std::env::var("DYNVM_COMPILE").map(|text| text.parse());
    time.map_or_else(|_| CompileTime::default(), |time| time.expect("DYNVM_COMPILE"))
}

impl Fixture {
    /// With a stack that recursion fills soon.
    #[allow(dead_code, reason = "not every program of tests that has this file needs it")]
    pub fn new() -> Self {
        Fixture::with_stack(256 * 1024)
    }

    pub fn with_stack(stack_size_bytes: usize) -> Self {
        Fixture::with_config(&Config { stack_size_bytes, ..Config::default() })
    }

    pub fn with_config(config: &Config) -> Self {
        let compiler = Arc::new(Compiler::new(&Settings::default()).unwrap());
        let process = Process::new(config, Arc::<Compiler>::clone(&compiler)).unwrap();
        let mut fixture = Fixture { compiler, process, host: Vec::new(), lazy: None };
        fixture.set_compile_time(compile_time());
        fixture
    }

    /// How what is loaded from now on is compiled.
    pub fn set_compile_time(&mut self, time: CompileTime) {
        self.lazy = match time {
            CompileTime::Eager => None,
            CompileTime::Lazy(tiers) => {
                let lazy = LazyCompiler::new(Arc::clone(&self.compiler), tiers, || 0);
                Some(Arc::new(lazy))
            }
        };
        if let Some(lazy) = &self.lazy {
            self.process.set_resolver(Arc::<LazyCompiler>::clone(lazy));
        }
    }

    pub fn host(
        &mut self,
        name: &'static str,
        ty: FuncType,
        func: impl Fn(&mut Process, &mut [RawValue]) -> Result<(), Stop> + Send + Sync + 'static,
    ) {
        let function = HostFunction::new(name, ty, Arc::new(func));
        let func = self.process.add_host_function(function).unwrap();
        self.host.push((name, func));
    }

    pub fn load(&mut self, name: &str, placement: Placement, text: &str) -> InstanceId {
        let module = Arc::new(dynvm_jit::decode(wast_binary(text)).unwrap());
        let imports: Vec<Extern> = module
            .imports
            .iter()
            .map(|import| {
                let (_, func) = self.host.iter().find(|(name, _)| import.field == *name).unwrap();
                Extern::Func(Process::callee(*func))
            })
            .collect();
        let id = self.process.declare(name, module, placement).unwrap();
        self.process.bind(id, &imports).unwrap();
        let unit = Unit::new(&self.process, id);
        match &self.lazy {
            Some(lazy) => lazy.defer(&mut self.process, unit, &[], &[], &[]).unwrap(),
            None => self.process.publish(id, self.compiler.compile(&unit).unwrap()),
        }
        self.process.link().unwrap();
        self.process.initialize(id).unwrap();
        self.process.start(id).unwrap();
        id
    }

    pub fn func(&self, id: InstanceId, name: &str) -> FuncId {
        let instance = self.process.instance(id);
        match instance.module.export(name) {
            Some(Entity::Func(func)) => instance.func(func),
            other => panic!("`{name}` is {other:?}"),
        }
    }

    pub fn call(&mut self, id: InstanceId, name: &str, args: &[Value]) -> Result<Vec<Value>, Stop> {
        let func = self.func(id, name);
        self.process.call(func, args)
    }
}

pub fn wast_binary(text: &str) -> Vec<u8> {
    let buffer = wast::parser::ParseBuffer::new(text).unwrap();
    wast::parser::parse::<wast::Wat<'_>>(&buffer).unwrap().encode().unwrap()
}

pub fn trap(outcome: Result<Vec<Value>, Stop>) -> Box<Trap> {
    match outcome {
        Err(Stop::Trap(trap)) => trap,
        other => panic!("expected a trap, found {other:?}"),
    }
}

pub fn i32s(params: usize, results: usize) -> FuncType {
    FuncType::new(vec![ValType::I32; params], vec![ValType::I32; results])
}
