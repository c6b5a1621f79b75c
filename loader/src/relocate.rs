//! Relocation: the guest code that makes a dso's data whole, before any of its functions runs.
//!
//! Mostly it stores sums of bases and constants. Then it is not compiled, which would take a hundred
//! times as long as doing what it says, but read and done.

use std::sync::Arc;

use dynvm_jit::straight::{self, Stores};
use dynvm_vm::context::FuncId;
use dynvm_vm::instance::{Instance, InstanceId, MemoryId};
use dynvm_vm::types::{DefinedFuncIndex, GlobalIndex, ValType};
use dynvm_vm::value::Value;
use dynvm_vm::{Process, Stop};

use crate::dialect::dyninfo::link::Patch;
use crate::dso::Dso;
use crate::error::LoadError;

/// The functions that relocate the data of a module: now, before 2021, and in a thread's block.
const FUNCTIONS: [&str; 3] =
    ["__wasm_apply_data_relocs", "__wasm_apply_relocs", "__wasm_apply_tls_relocs"];

/// The functions of `dso` that relocate its data.
pub(crate) fn functions(dso: &Dso) -> Vec<DefinedFuncIndex> {
    let exported = FUNCTIONS.iter().filter_map(|name| dso.exported_function(name));
    exported.filter_map(|func| dso.module.defined_func(func)).collect()
}

/// What relocates one dso.
#[derive(Debug)]
pub(crate) struct Relocation {
    name: String,
    instance: InstanceId,
    pub(crate) data: Option<FuncId>,
    pub(crate) tls: Option<(FuncId, Value)>,
    pub(crate) tls_data: Option<FuncId>,
    /// What linking its `dyninfo` section changes, here and in modules that waited for it.
    pub(crate) patches: Vec<Patch>,
}

impl Relocation {
    /// What `dso` exports for it.
    pub(crate) fn of_dso(dso: &Dso, process: &Process) -> Relocation {
        let module = &dso.module;
        let func = |name: &str| {
            let defined = module.defined_func(dso.exported_function(name)?)?;
            Some(process.defined_func(dso.instance(), defined))
        };
        let pointer = dso.exported_function("__wasm_init_tls").and_then(|func| {
            let param = *module.func_type(func).params.first()?;
            Some(match param {
                ValType::I64 => Value::I64(dso.tls.start.cast_signed()),
                _ => Value::I32((dso.tls.start as u32).cast_signed()),
            })
        });
        // What a main program that places itself runs at start is its own affair.
        let is_ours = dso.dylink.is_some();
        Relocation {
            name: dso.name.to_string(),
            instance: dso.instance(),
            data: func(FUNCTIONS[0]).or_else(|| func(FUNCTIONS[1])).filter(|_| is_ours),
            tls: func("__wasm_init_tls").zip(pointer).filter(|_| !dso.tls.is_empty()),
            tls_data: func(FUNCTIONS[2]).filter(|_| !dso.tls.is_empty()),
            patches: Vec::new(),
        }
    }
}

/// Relocates the dsos of a batch: each step for all of them before the next.
pub(crate) fn run(process: &mut Process, batch: &[Relocation]) -> Result<(), LoadError> {
    for dso in batch {
        stopped(dso, "the copying of its segments", process.initialize(dso.instance))?;
    }
    // The start function zeroes bss, so it must come before the relocations of data.
    for dso in batch {
        stopped(dso, "its start function", process.start(dso.instance))?;
    }
    for dso in batch {
        for patch in &dso.patches {
            tracing::trace!(target: "dynvm::reloc", "{}: {patch:x?}", dso.name);
            stopped(dso, "the linking of its data", patch.apply(process))?;
        }
    }
    for dso in batch {
        call(process, dso, dso.data, "the relocation of its data", &[])?;
    }
    for dso in batch {
        if let Some((func, pointer)) = dso.tls {
            call(process, dso, Some(func), "the initialization of its TLS", &[pointer])?;
        }
        call(process, dso, dso.tls_data, "the relocation of its TLS", &[])?;
    }
    Ok(())
}

fn call(
    process: &mut Process,
    dso: &Relocation,
    func: Option<FuncId>,
    during: &'static str,
    args: &[Value],
) -> Result<(), LoadError> {
    let Some(func) = func else { return Ok(()) };
    tracing::debug!(target: "dynvm::reloc", "{}: {during}", dso.name);
    if args.is_empty() && is_done_uncompiled(process, dso.instance, func) {
        return Ok(());
    }
    stopped(dso, during, process.call(func, args).map(|_| ()))
}

/// Whether `func` was one that only stores constants, and that is done now.
fn is_done_uncompiled(process: &mut Process, id: InstanceId, func: FuncId) -> bool {
    let instance = Arc::clone(process.instance(id));
    let is_flat = instance.memories.first().is_some_and(|memory| memory.id == MemoryId::PROCESS);
    let first = process.defined_func(id, DefinedFuncIndex(0));
    let func = DefinedFuncIndex(func.0 - first.0);
    let mut data = Data { process, instance: &instance };
    is_flat && straight::run(&instance.module, func, &mut data).is_some()
}

/// What a relocating function reads and writes.
struct Data<'a> {
    process: &'a mut Process,
    instance: &'a Instance,
}

impl Stores for Data<'_> {
    fn global(&self, index: GlobalIndex) -> Option<u64> {
        let place = *self.instance.globals.get(index.index())?;
        let value = self.process.read_global(place);
        match self.instance.module.globals.get(index.index())?.value {
            ValType::I32 => Some(value.u32().into()),
            ValType::I64 => Some(value.u64()),
            _ => None,
        }
    }

    fn store(&mut self, address: u64, bytes: &[u8]) -> Option<()> {
        let start = usize::try_from(address).ok()?;
        let end = start.checked_add(bytes.len())?;
        self.process.memory_mut().get_mut(start..end)?.copy_from_slice(bytes);
        Some(())
    }
}

fn stopped(
    dso: &Relocation,
    during: &'static str,
    result: Result<(), Stop>,
) -> Result<(), LoadError> {
    result.map_err(|stop| LoadError::Stopped { dso: dso.name.clone(), during, stop })
}
