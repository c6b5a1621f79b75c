//! Starting a `dyninfo` program: its functions pass their arguments on a stack in memory and return
//! to a loop outside, which calls what comes next.

use std::ops::Range;
use std::sync::{Arc, Mutex};

use dynvm_vm::code::TrapCode;
use dynvm_vm::context::FuncId;
use dynvm_vm::types::{FuncType, ValType};
use dynvm_vm::value::Value;
use dynvm_vm::{Process, Stop, Trap};

use crate::dialect::guest;
use crate::dso::Dso;
use crate::linker::{Linker, lock};

/// Where a function leaves its result.
pub(crate) const RESULT_ADDRESS: u32 = 0x2060;

/// The type of all functions of these programs: label, stack, two registers, caller, function; the
/// result is a frame, whose lower bits say what to do with it.
pub(crate) fn is_type(ty: &FuncType) -> bool {
    *ty.params == [ValType::I32; 6] && *ty.results == [ValType::I32]
}

/// The function that a program starts with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    pub(crate) func: FuncId,
    /// Its table index.
    index: u32,
}

/// Where a `dyninfo` program starts: at its `_start`, else at the table index that its section
/// names. `None` for others, and for a `_start` that is called as any program's.
pub(crate) fn entry(main: &Dso, process: &Process) -> Option<Entry> {
    let info = main.dyninfo()?;
    let index = info.entry().unwrap_or(0);
    match main.exported_function("_start") {
        Some(start) if is_type(main.module.func_type(start)) => {
            let func = process.instance(main.instance()).func(start);
            Some(Entry { func, index })
        }
        Some(_) => None,
        None => guest::function_at(process, info.entry()?).map(|(func, _)| Entry { func, index }),
    }
}

/// Runs the program from its entry point: until it exits, or returns to nobody.
pub(crate) fn run(
    shared: &Mutex<Linker>,
    process: &mut Process,
    entry: Entry,
    args: &[String],
) -> Result<(), Stop> {
    let Entry { mut func, mut index } = entry;
    let ty = process.func_type_id(func).and_then(|id| process.func_type(id)).map(Arc::clone);
    match ty {
        Some(ty) if is_type(&ty) => {}
        Some(ty) if ty.params.is_empty() => {
            return match process.call(func, &[])?.first() {
                Some(Value::I32(status)) if *status != 0 => Err(Stop::Exit(status.cast_unsigned())),
                _ => Ok(()),
            };
        }
        _ => {
            let detail = format!("`{}` is the entry point", process.func_name(func));
            return Err(Trap::new(TrapCode::IndirectCallTypeMismatch, detail).into());
        }
    }
    let room = lock(shared).space.stack.clone();
    let mut stack = place_args(process, room, args)?;
    let mut label = -1;
    loop {
        let words = [stack.wrapping_add(16).cast_signed(), 0, 0, 0, index.cast_signed()];
        let values: Vec<Value> = [label].into_iter().chain(words).map(Value::I32).collect();
        let Some(Value::I32(frame)) = process.call(func, &values)?.first().copied() else {
            return Ok(());
        };
        let frame = frame.cast_unsigned();
        // A frame that is to be continued itself has one of the lower bits set; else it is done,
        // and its caller's follows.
        stack = if frame & 3 == 0 { word(process, frame) } else { frame & !3 };
        index = if stack == 0 { 0 } else { word(process, stack.wrapping_add(8)) };
        match guest::function_at(process, index).filter(|(_, ty)| is_type(ty)) {
            Some((next, _)) if stack != 0 => (label, func) = (0, next),
            _ => break,
        }
    }
    match word(process, RESULT_ADDRESS) {
        0 => Ok(()),
        status => Err(Stop::Exit(status & 0xff)),
    }
}

fn word(process: &Process, address: u32) -> u32 {
    let bytes = guest::bytes(process, address, 4).and_then(|it| it.try_into().ok());
    bytes.map_or(0, u32::from_le_bytes)
}

/// Writes arguments and an empty environment at the top of the stack, and the frame of nobody that
/// calls the first function with them. Gives the frame's address.
fn place_args(process: &mut Process, room: Range<u64>, args: &[String]) -> Result<u32, Stop> {
    // Each argument with its end and its pointer, and a frame.
    let size: usize = args.iter().map(|arg| arg.len() + 5).sum();
    if size as u64 + 96 > room.end - room.start {
        let detail = "the arguments do not fit on the program's stack";
        return Err(Trap::new(TrapCode::Host, detail).into());
    }
    let mut at = room.end as u32;
    let mut pointers = Vec::new();
    for arg in args.iter().rev() {
        at -= arg.len() as u32 + 1;
        push_bytes(process, at, arg.as_bytes());
        pointers.push(at);
    }
    at &= !7;
    let mut push = |word: u32| {
        at -= 4;
        push_bytes(process, at, &word.to_le_bytes());
        at
    };
    let environment = push(0);
    push(0);
    let mut argv = environment - 4;
    for pointer in pointers {
        argv = push(pointer);
    }
    while push(0) % 16 != 0 {}
    push(0);
    push(environment);
    push(argv);
    push(args.len() as u32);
    push(3);
    // The frame: where it ends, then a caller's frame and label that do not exist.
    let end = push(0);
    push_bytes(process, end, &(end + 48).to_le_bytes());
    Ok(end - 8)
}

/// The stack was made as large as it is: what does not fit is left out.
fn push_bytes(process: &mut Process, at: u32, bytes: &[u8]) {
    let _ = guest::write(process, at, bytes);
}
