//! `__cxa_atexit` and its family for programs without a C library: there the loader serves them,
//! and a linked program has none.
//!
//! The list is in the program's memory, 32 bytes an entry, the newest first. Room for it is a page
//! at a time of `memory.grow`.

use dynvm_loader::plan::Function;
use wasm_encoder::{BlockType, Function as Body, InstructionSink, MemArg, ValType};

use crate::node::{ExitGlobal, GlobalNode, Live, MemoryNode, Namer, TableNode};

/// Runs what is registered for a dso, or all.
pub(crate) const FINALIZE: &str = "__cxa_finalize";
/// Registers a function with one argument.
const CXA_ATEXIT: &str = "__cxa_atexit";
/// Registers a function without arguments.
const ATEXIT: &str = "atexit";

/// Bytes of an entry.
const ENTRY_BYTES: i32 = 32;
/// Logarithm of a page's bytes.
const PAGE_LOG2: i32 = 16;

// Fields of an entry. The function is zero once it was called.
const NEXT: u64 = 0;
const FUNCTION: u64 = 4;
const ARGUMENT: u64 = 8;
const OWNER: u64 = 12;
const HAS_ARGUMENT: u64 = 16;

/// Whether the function is defined here.
pub(crate) fn defines(name: &str) -> bool {
    matches!(name, FINALIZE | CXA_ATEXIT | ATEXIT)
}

/// What the functions here need.
pub(crate) fn mark(live: &mut Live) {
    live.memory(&MemoryNode::Process);
    live.table(&TableNode::Process);
    for global in [ExitGlobal::Head, ExitGlobal::Free, ExitGlobal::End] {
        live.global(&GlobalNode::Exit(global));
    }
    live.function(&finalize());
}

/// What runs everything that is registered.
pub(crate) fn finalize() -> Function {
    Function::Loader(FINALIZE.to_owned())
}

/// The body of a function, where `void` and `one` are the types of what is registered.
pub(crate) fn body(name: &str, namer: &mut impl Namer, void: u32, one: u32) -> Body {
    let mut globals = |global| namer.global(&GlobalNode::Exit(global));
    let globals = Globals {
        head: globals(ExitGlobal::Head),
        free: globals(ExitGlobal::Free),
        end: globals(ExitGlobal::End),
    };
    match name {
        CXA_ATEXIT => globals.register(3),
        ATEXIT => globals.register(1),
        _ => globals.finalize(void, one),
    }
}

struct Globals {
    head: u32,
    free: u32,
    end: u32,
}

fn at(offset: u64) -> MemArg {
    MemArg { offset, align: 2, target: wasm_encoder::MemArgTarget::Memory(0), ordering: None }
}

impl Globals {
    /// Takes `params` of function, argument and owner; gives 0, or -1 without room.
    fn register(&self, params: u32) -> Body {
        let entry = params;
        let mut body = Body::new([(1, ValType::I32)]);
        let mut code = body.instructions();
        code.global_get(self.free).global_get(self.end).i32_eq().if_(BlockType::Empty);
        code.i32_const(1).memory_grow(0).local_tee(entry).i32_const(-1).i32_eq();
        code.if_(BlockType::Empty).i32_const(-1).return_().end();
        code.local_get(entry).i32_const(PAGE_LOG2).i32_shl().local_tee(entry);
        code.global_set(self.free);
        code.local_get(entry).i32_const(1 << PAGE_LOG2).i32_add().global_set(self.end);
        code.end();
        code.global_get(self.free).local_tee(entry).global_get(self.head).i32_store(at(NEXT));
        for (param, field) in (0..params).zip([FUNCTION, ARGUMENT, OWNER]) {
            code.local_get(entry).local_get(param).i32_store(at(field));
        }
        let has_argument = i32::from(params > 1);
        code.local_get(entry).i32_const(has_argument).i32_store(at(HAS_ARGUMENT));
        code.local_get(entry).global_set(self.head);
        code.local_get(entry).i32_const(ENTRY_BYTES).i32_add().global_set(self.free);
        code.i32_const(0).end();
        body
    }

    /// Runs what its parameter registered, or all if that is 0: the newest first, and again from
    /// the newest, which can have been added meanwhile.
    fn finalize(&self, void: u32, one: u32) -> Body {
        let (owner, entry, function) = (0, 1, 2);
        let mut body = Body::new([(2, ValType::I32)]);
        let mut code = body.instructions();
        code.block(BlockType::Empty).loop_(BlockType::Empty);
        code.global_get(self.head).local_set(entry);
        // Past what others registered, and what ran before.
        code.loop_(BlockType::Empty);
        code.local_get(entry).i32_eqz().br_if(2);
        code.block(BlockType::Empty);
        code.local_get(entry).i32_load(at(FUNCTION)).local_tee(function).i32_eqz().br_if(0);
        code.local_get(owner).i32_eqz().local_get(owner);
        code.local_get(entry).i32_load(at(OWNER)).i32_eq().i32_or().i32_eqz().br_if(0);
        code.local_get(entry).i32_const(0).i32_store(at(FUNCTION));
        // All that stands before it ran already.
        code.local_get(owner).i32_eqz().if_(BlockType::Empty);
        code.local_get(entry).i32_load(at(NEXT)).global_set(self.head).end();
        call(&mut code, entry, function, void, one);
        code.br(2).end();
        code.local_get(entry).i32_load(at(NEXT)).local_set(entry);
        code.br(0).end().end().end().end();
        body
    }
}

fn call(code: &mut InstructionSink<'_>, entry: u32, function: u32, void: u32, one: u32) {
    code.local_get(entry).i32_load(at(HAS_ARGUMENT)).if_(BlockType::Empty);
    code.local_get(entry).i32_load(at(ARGUMENT)).local_get(function).call_indirect(0, one);
    code.else_().local_get(function).call_indirect(0, void).end();
}
