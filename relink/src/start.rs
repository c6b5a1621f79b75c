//! How the linked program starts: what the loader would do before the main program's entry point,
//! and what it gives that entry point.

use dynvm_loader::plan::Function;
use dynvm_vm::types::ValType as VmValType;
use dynvm_vm::value::Value;
use wasm_encoder::{BlockType, FuncType, Function as Body, InstructionSink, MemArg, ValType};

use crate::error::RelinkError;
use crate::exit_list;
use crate::node::{Live, MemoryNode, Namer};
use crate::signature::Signatures;
use crate::whole::Whole;

/// The host that gives arguments and takes a status.
const WASI: &str = "wasi_snapshot_preview1";
const PROC_EXIT: &str = "proc_exit";
const ARGS_SIZES_GET: &str = "args_sizes_get";
const ARGS_GET: &str = "args_get";

/// What happens in the functions that the linker writes.
pub(crate) struct Start {
    /// Left of what precedes all constructors, and how it is called.
    steps: Vec<(Function, Option<Value>)>,
    constructors: Vec<Function>,
    entry: Option<Entry>,
}

struct Entry {
    function: Function,
    takes_arguments: bool,
    gives_status: bool,
}

/// A function that the linker writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Written {
    /// The start section: before anything else.
    Prepare,
    /// `_initialize`: the constructors of a program that is then called from outside.
    Initialize,
    /// `_start`: all of it.
    Start,
}

impl Written {
    /// Its name in the name section, and in the exports where it is one.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Written::Prepare => "__dynvm_prepare",
            Written::Initialize => "_initialize",
            Written::Start => "_start",
        }
    }
}

impl Start {
    pub(crate) fn new(whole: &Whole<'_>) -> Result<Start, RelinkError> {
        let steps = whole.evaluated.steps.iter();
        let steps = steps.map(|step| (step.function.clone(), step.argument)).collect();
        let constructors = whole.plan.constructors.clone();
        let entry = whole.plan.entry.map(|(name, index)| {
            let main = whole.main();
            let ty = main.dso.module.func_type(index);
            let takes_arguments = match *ty.params {
                [] => false,
                [VmValType::I32, VmValType::I32] => true,
                _ => {
                    let program = main.dso.name.to_string();
                    return Err(RelinkError::EntryType { entry: name, program });
                }
            };
            let function = main.uses.functions[index.index()].clone();
            let gives_status = *ty.results == [VmValType::I32];
            Ok(Entry { function, takes_arguments, gives_status })
        });
        Ok(Start { steps, constructors, entry: entry.transpose()? })
    }

    /// The functions to write, in order. With an entry point, all is in one; else what precedes
    /// the constructors happens when the module is instantiated.
    pub(crate) fn written(&self) -> Vec<Written> {
        if self.entry.is_some() {
            return vec![Written::Start];
        }
        let prepare = (!self.steps.is_empty()).then_some(Written::Prepare);
        let initialize = (!self.constructors.is_empty()).then_some(Written::Initialize);
        prepare.into_iter().chain(initialize).collect()
    }

    /// Marks all that starting takes.
    pub(crate) fn mark(&self, live: &mut Live) {
        let steps = self.steps.iter().map(|(function, _)| function);
        let entry = self.entry.iter().map(|entry| &entry.function);
        for function in steps.chain(&self.constructors).chain(entry) {
            live.function(function);
        }
        for (name, _) in self.host_functions() {
            live.function(&host(name));
        }
        if self.entry.as_ref().is_some_and(|entry| entry.takes_arguments) {
            live.memory(&MemoryNode::Process);
        }
    }

    /// Functions of the host's that starting takes, and their types.
    pub(crate) fn host_functions(&self) -> Vec<(&'static str, FuncType)> {
        let ty = |params: usize, results: usize| {
            FuncType::new(vec![ValType::I32; params], vec![ValType::I32; results])
        };
        let mut functions = Vec::new();
        if let Some(entry) = &self.entry {
            if entry.takes_arguments {
                functions.extend([(ARGS_SIZES_GET, ty(2, 1)), (ARGS_GET, ty(2, 1))]);
            }
            if entry.gives_status {
                functions.push((PROC_EXIT, ty(1, 0)));
            }
        }
        functions
    }

    /// Gives the host's functions that starting takes their types.
    pub(crate) fn declare(&self, signatures: &mut Signatures) {
        for (name, ty) in self.host_functions() {
            signatures.add_other(host(name), ty);
        }
    }

    /// The body of a function, whose type is `[] -> []`. `has_exit_list` says whether exit
    /// handlers are for us to run.
    pub(crate) fn body(
        &self,
        written: Written,
        has_exit_list: bool,
        namer: &mut impl Namer,
    ) -> Body {
        let mut body = Body::new([(4, ValType::I32)]);
        let mut code = body.instructions();
        if written != Written::Initialize {
            for (function, argument) in &self.steps {
                match argument {
                    Some(Value::I64(value)) => drop(code.i64_const(*value)),
                    Some(Value::I32(value)) => drop(code.i32_const(*value)),
                    _ => {}
                }
                code.call(namer.function(function));
            }
        }
        if written != Written::Prepare {
            for function in &self.constructors {
                code.call(namer.function(function));
            }
        }
        if let (Written::Start, Some(entry)) = (written, &self.entry) {
            entry.call(&mut code, has_exit_list, namer);
        }
        code.end();
        body
    }
}

/// A function of the host's.
fn host(name: &str) -> Function {
    Function::Host(WASI.to_owned(), name.to_owned())
}

impl Entry {
    /// Calls the entry point as the loader does.
    fn call(&self, code: &mut InstructionSink<'_>, has_exit_list: bool, namer: &mut impl Namer) {
        let status = 3;
        if self.takes_arguments {
            place_arguments(code, namer);
        }
        code.call(namer.function(&self.function));
        if self.gives_status {
            code.local_set(status);
        }
        if has_exit_list {
            code.i32_const(0).call(namer.function(&exit_list::finalize()));
        }
        if self.gives_status {
            code.local_get(status).if_(BlockType::Empty);
            code.local_get(status).call(namer.function(&host(PROC_EXIT))).end();
        }
    }
}

/// Asks the host for the arguments, puts them into new pages, and leaves argc and argv. Without
/// arguments, or room for them, both are zero.
fn place_arguments(code: &mut InstructionSink<'_>, namer: &mut impl Namer) {
    let (argv, count) = (0, 1);
    let at = |offset| MemArg {
        offset,
        align: 2,
        target: wasm_encoder::MemArgTarget::Memory(0),
        ordering: None,
    };
    let (sizes_get, get) = (namer.function(&host(ARGS_SIZES_GET)), namer.function(&host(ARGS_GET)));
    code.block(BlockType::Empty);
    code.i32_const(1).memory_grow(0).local_tee(argv).i32_const(-1).i32_eq();
    code.if_(BlockType::Empty).i32_const(0).local_set(argv).br(1).end();
    code.local_get(argv).i32_const(16).i32_shl().local_tee(argv);
    // How many there are, and the bytes of their strings, where the pointers come to stand.
    code.local_get(argv).i32_const(4).i32_add().call(sizes_get).br_if(0);
    // Pointers, a null behind them, and the strings: one page is there, so rounding down does.
    code.local_get(argv).i32_load(at(0)).i32_const(1).i32_add().i32_const(2).i32_shl();
    code.local_get(argv).i32_load(at(4)).i32_add();
    code.i32_const(16).i32_shr_u().memory_grow(0).i32_const(-1).i32_eq().br_if(0);
    code.local_get(argv).i32_load(at(0)).local_set(count);
    code.local_get(argv);
    code.local_get(argv).local_get(count).i32_const(1).i32_add().i32_const(2).i32_shl().i32_add();
    code.call(get).drop();
    code.local_get(argv).local_get(count).i32_const(2).i32_shl().i32_add();
    code.i32_const(0).i32_store(at(0));
    code.end();
    code.local_get(count).local_get(argv);
}
