//! The functions that flat programs find when none of their modules exports them: a small C
//! library, and the system calls of `musl`.
//!
//! JavaScript took any number of arguments of any type. So here: a function takes what the
//! importing module gives it, as long as that is integers.

use std::sync::{Arc, Mutex, Weak};

use dynvm_vm::code::TrapCode;
use dynvm_vm::types::{FuncType, ValType};
use dynvm_vm::value::RawValue;
use dynvm_vm::{HostFunction, Process, Stop, Trap};

use crate::dialect::guest;
use crate::dialect::syscall::{self, Kernel, Numbers};
use crate::exit;
use crate::linker::Linker;

/// Most arguments that a function here looks at.
const ARGS_MAX: usize = 7;

type Builtin = fn(&mut Kernel<'_>, [u32; ARGS_MAX]) -> Result<u32, Stop>;

/// Every function, by name.
const TABLE: [(&str, Builtin); 32] = [
    ("print", |kernel, args| print(kernel, &format!("{}\n", args[0].cast_signed()))),
    ("putchar", |kernel, args| {
        syscall::print(kernel, &[args[0] as u8])?;
        Ok(args[0] & 0xff)
    }),
    ("puts", |kernel, args| {
        let (mut at, mut left) = (args[0], c_string(kernel.process, args[0])?.len());
        while left > 0 {
            let len = left.min(syscall::TEXT_BYTES_MAX);
            let part = bytes(kernel.process, at, len as u32)?.to_vec();
            syscall::print(kernel, &part)?;
            (at, left) = (at + len as u32, left - len);
        }
        print(kernel, "\n")
    }),
    ("abort", |_, _| Err(Trap::new(TrapCode::Host, "the program aborted").into())),
    ("exit", |kernel, args| {
        exit::run_without_libc(kernel.linker, kernel.process)?;
        Err(Stop::Exit(args[0] & 0xff))
    }),
    ("_Exit", |_, args| Err(Stop::Exit(args[0] & 0xff))),
    ("malloc", |kernel, args| Ok(malloc(kernel, args[0]))),
    ("__builtin_malloc", |kernel, args| Ok(malloc(kernel, args[0]))),
    ("calloc", |kernel, args| {
        // What is given is zeroed.
        Ok(args[0].checked_mul(args[1]).map_or(0, |size| malloc(kernel, size)))
    }),
    ("realloc", |kernel, args| Ok(realloc(kernel, args[0], args[1]))),
    ("free", |kernel, args| {
        kernel.free(args[0]);
        Ok(0)
    }),
    ("memcpy", |kernel, args| copy(kernel, args[0], args[1], args[2])),
    ("memmove", |kernel, args| copy(kernel, args[0], args[1], args[2])),
    ("mempcpy", |kernel, args| Ok(copy(kernel, args[0], args[1], args[2])?.wrapping_add(args[2]))),
    ("memset", |kernel, args| {
        let len = bytes(kernel.process, args[0], args[2])?.len();
        let start = args[0] as usize;
        kernel.process.memory_mut()[start..start + len].fill(args[1] as u8);
        Ok(args[0])
    }),
    ("memcmp", |kernel, args| {
        let one = bytes(kernel.process, args[0], args[2])?;
        let other = bytes(kernel.process, args[1], args[2])?;
        Ok(order(one.cmp(other)))
    }),
    ("strlen", |kernel, args| Ok(c_string(kernel.process, args[0])?.len() as u32)),
    ("strcmp", |kernel, args| {
        let one = c_string(kernel.process, args[0])?;
        Ok(order(one.cmp(c_string(kernel.process, args[1])?)))
    }),
    ("strncmp", |kernel, args| {
        let [one, other] = [args[0], args[1]].map(|at| c_string_of(kernel.process, at, args[2]));
        Ok(order(one.cmp(other)))
    }),
    ("strcpy", |kernel, args| {
        let len = c_string(kernel.process, args[1])?.len() as u32;
        copy(kernel, args[0], args[1], len + 1)
    }),
    ("strchr", |kernel, args| {
        let text = c_string(kernel.process, args[0])?;
        let wanted = args[1] as u8;
        let end = (wanted == 0).then_some(text.len());
        let found = text.iter().position(|byte| *byte == wanted).or(end);
        Ok(found.map_or(0, |position| args[0].wrapping_add(position as u32)))
    }),
    ("isatty", |_, _| Ok(0)),
    ("getpagesize", |_, _| Ok(65536)),
    ("__syscall", |kernel, args| {
        // The arguments are in memory.
        let at = |index: u32| word(kernel.process, args[1].wrapping_add(index * 4));
        let words = [0, 1, 2, 3, 4, 5].map(at);
        syscall::call(kernel.linker, kernel.process, Numbers::I386, args[0], words)
    }),
    ("__syscall0", syscall_n),
    ("__syscall1", syscall_n),
    ("__syscall2", syscall_n),
    ("__syscall3", syscall_n),
    ("__syscall4", syscall_n),
    ("__syscall5", syscall_n),
    ("__syscall6", syscall_n),
    ("__syscall_cp", syscall_n),
];

/// The function called `name`, of the type that is asked for. `None` if there is none, or the type
/// has anything but integers.
pub(crate) fn function(
    linker: &Weak<Mutex<Linker>>,
    name: &str,
    ty: &FuncType,
) -> Option<HostFunction> {
    let (_, builtin) = TABLE.iter().find(|entry| entry.0 == name)?;
    let is_integer = |ty: &ValType| matches!(ty, ValType::I32 | ValType::I64);
    if !ty.params.iter().chain(&ty.results).all(is_integer) || ty.results.len() > 1 {
        return None;
    }
    let (linker, builtin) = (Weak::clone(linker), *builtin);
    let (params, results) = (ty.params.len(), ty.results.len());
    let func = move |process: &mut Process, values: &mut [RawValue]| {
        let Some(linker) = linker.upgrade() else {
            return Err(Trap::new(TrapCode::Host, "the loader is gone").into());
        };
        let mut args = [0; ARGS_MAX];
        for (arg, value) in args.iter_mut().zip(&values[..params]) {
            *arg = value.u32();
        }
        let result = builtin(&mut Kernel { linker: &linker, process }, args)?;
        if results > 0 {
            // Results are signed: errors are negative.
            values[0] = i64::from(result.cast_signed()).into();
        }
        Ok(())
    };
    Some(HostFunction::new(name, ty.clone(), Arc::new(func)))
}

fn syscall_n(kernel: &mut Kernel<'_>, args: [u32; ARGS_MAX]) -> Result<u32, Stop> {
    let [number, rest @ ..] = args;
    syscall::call(kernel.linker, kernel.process, Numbers::I386, number, rest)
}

fn outside() -> Stop {
    TrapCode::MemoryOutOfBounds.into()
}

fn bytes(process: &Process, address: u32, len: u32) -> Result<&[u8], Stop> {
    guest::bytes(process, address, len).ok_or_else(outside)
}

fn word(process: &Process, address: u32) -> u32 {
    let bytes = guest::bytes(process, address, 4).and_then(|it| it.try_into().ok());
    bytes.map_or(0, u32::from_le_bytes)
}

/// The C string at an address, without its end.
fn c_string(process: &Process, address: u32) -> Result<&[u8], Stop> {
    let memory = process.memory().get(address as usize..).unwrap_or_default();
    let end = memory.iter().position(|byte| *byte == 0).ok_or_else(outside)?;
    Ok(&memory[..end])
}

/// At most `len` bytes of the C string at an address.
fn c_string_of(process: &Process, address: u32, len: u32) -> &[u8] {
    let memory = process.memory().get(address as usize..).unwrap_or_default();
    let memory = &memory[..memory.len().min(len as usize)];
    let end = memory.iter().position(|byte| *byte == 0);
    &memory[..end.unwrap_or(memory.len())]
}

fn copy(kernel: &mut Kernel<'_>, to: u32, from: u32, len: u32) -> Result<u32, Stop> {
    bytes(kernel.process, to, len)?;
    bytes(kernel.process, from, len)?;
    let start = from as usize;
    kernel.process.memory_mut().copy_within(start..start + len as usize, to as usize);
    Ok(to)
}

fn order(order: std::cmp::Ordering) -> u32 {
    i32::from(order as i8).cast_unsigned()
}

fn malloc(kernel: &mut Kernel<'_>, size: u32) -> u32 {
    if size == 0 { 0 } else { kernel.allocate(size.into(), 16).unwrap_or(0) }
}

fn realloc(kernel: &mut Kernel<'_>, old: u32, size: u32) -> u32 {
    let new = malloc(kernel, size);
    let Some(taken) = kernel.allocated(old) else { return new };
    if new != 0 {
        let len = (taken.end - taken.start).min(size.into()) as usize;
        let start = taken.start as usize;
        kernel.process.memory_mut().copy_within(start..start + len, new as usize);
    }
    if new != 0 || size == 0 {
        kernel.free(old);
    }
    new
}

fn print(kernel: &mut Kernel<'_>, text: &str) -> Result<u32, Stop> {
    syscall::print(kernel, text.as_bytes())?;
    Ok(0)
}
