//! Relocation: the guest code that makes a dso's data whole, before any of its functions runs.

use dynvm_vm::context::FuncId;
use dynvm_vm::instance::InstanceId;
use dynvm_vm::types::ValType;
use dynvm_vm::value::Value;
use dynvm_vm::{Process, Stop};

use crate::dialect::dyninfo::link::Patch;
use crate::dso::Dso;
use crate::error::LoadError;

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
            data: func("__wasm_apply_data_relocs")
                // What it was called before 2021.
                .or_else(|| func("__wasm_apply_relocs"))
                .filter(|_| is_ours),
            tls: func("__wasm_init_tls").zip(pointer).filter(|_| !dso.tls.is_empty()),
            tls_data: func("__wasm_apply_tls_relocs").filter(|_| !dso.tls.is_empty()),
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
    stopped(dso, during, process.call(func, args).map(|_| ()))
}

fn stopped(
    dso: &Relocation,
    during: &'static str,
    result: Result<(), Stop>,
) -> Result<(), LoadError> {
    result.map_err(|stop| LoadError::Stopped { dso: dso.name.clone(), during, stop })
}
