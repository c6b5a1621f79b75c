//! Ways into wasm and out of it, as bytes: a start needs some of each before anything runs.

use super::Unsupported;
use super::assembler::{Alu, Assembler, Float, Gpr, Mem, Width};
use super::call::{Passed, arguments, results};
use crate::vm::code::Code;
use crate::vm::context::Builtin;
use crate::vm::types::{FuncType, ValType};
use crate::vm::value::RawValue;

const SLOT_BYTES: i32 = size_of::<RawValue>() as i32;

/// See [`crate::vm::Stubs::entry`].
pub fn entry(ty: &FuncType) -> Result<Code, Unsupported> {
    let (params, returned) = (numbers(&ty.params)?, numbers(&ty.results)?);
    let (places, stack_bytes) = arguments(&params)?;
    let mut asm = Assembler::default();
    asm.push(Gpr::RBP);
    asm.mov(Width::W64, Gpr::RBP, Gpr::RSP);
    asm.alu_imm(Alu::Sub, Width::W64, Gpr::RSP, SLOT_BYTES + stack_bytes as i32);
    let values = Mem::at(Gpr::RBP, -8);
    asm.store(Width::W64, values, Gpr::RSI);
    asm.mov(Width::W64, Gpr::RAX, Gpr::RDI);
    asm.mov(Width::W64, Gpr::R11, Gpr::RSI);
    for (slot, (ty, place)) in (0..).zip(params.iter().zip(&places)) {
        let from = Mem::at(Gpr::R11, SLOT_BYTES * slot);
        match *place {
            Passed::Stack(offset) => {
                asm.mov(Width::W64, Gpr::R10, from);
                asm.store(Width::W64, Mem::at(Gpr::RSP, offset), Gpr::R10);
            }
            Passed::Gpr(register) => asm.mov(Width::W64, register, from),
            Passed::Xmm(register) => asm.load_float(float(*ty), register, from),
        }
    }
    asm.call(Gpr::RAX);
    asm.mov(Width::W64, Gpr::R11, values);
    store_all(&mut asm, Gpr::R11, &returned, &results(&returned)?);
    // The callee has taken the arguments off the stack.
    asm.alu_imm(Alu::Add, Width::W64, Gpr::RSP, SLOT_BYTES);
    asm.pop(Gpr::RBP);
    asm.ret(0);
    Ok(Code { bytes: asm.bytes, align: super::ALIGN, ..Code::default() })
}

/// See [`crate::vm::Stubs::host_call`].
pub fn host_call(ty: &FuncType, host_function: u32) -> Result<Code, Unsupported> {
    let (params, returned) = (numbers(&ty.params)?, numbers(&ty.results)?);
    let (places, args_bytes) = arguments(&params)?;
    let slots = params.len().max(returned.len()) as i32;
    let mut asm = Assembler::default();
    asm.push(Gpr::RBP);
    asm.mov(Width::W64, Gpr::RBP, Gpr::RSP);
    asm.alu_imm(Alu::Sub, Width::W64, Gpr::RSP, SLOT_BYTES * slots);
    store_all(&mut asm, Gpr::RSP, &params, &places);
    asm.mov(Width::W64, Gpr::RDI, Gpr::R15);
    asm.mov_imm(Gpr::RSI, u64::from(host_function));
    asm.mov(Width::W64, Gpr::RDX, Gpr::RSP);
    asm.call(Mem::at(Gpr::R15, Builtin::HostCall.offset()));
    for (slot, (ty, place)) in (0..).zip(returned.iter().zip(results(&returned)?)) {
        let from = Mem::at(Gpr::RSP, SLOT_BYTES * slot);
        match place {
            Passed::Gpr(register) => asm.mov(Width::W64, register, from),
            Passed::Xmm(register) => asm.load_float(float(*ty), register, from),
            Passed::Stack(_) => unreachable!("results are in registers"),
        }
    }
    asm.alu_imm(Alu::Add, Width::W64, Gpr::RSP, SLOT_BYTES * slots);
    asm.pop(Gpr::RBP);
    asm.ret(args_bytes as u16);
    Ok(Code { bytes: asm.bytes, align: super::ALIGN, ..Code::default() })
}

/// References are numbers of 32 bits here.
fn numbers(types: &[ValType]) -> Result<Vec<ValType>, Unsupported> {
    let number = |ty: &ValType| match ty {
        ValType::Ref(_) => Ok(ValType::I32),
        ValType::V128 => Err(Unsupported),
        ty => Ok(*ty),
    };
    types.iter().map(number).collect()
}

fn float(ty: ValType) -> Float {
    if ty == ValType::F32 { Float::Single } else { Float::Double }
}

/// Writes values to an array of `RawValue`s, which holds them zero-extended. Arguments on the stack
/// are the caller's; r11 changes if there are some.
fn store_all(asm: &mut Assembler, array: Gpr, types: &[ValType], places: &[Passed]) {
    for (slot, (ty, place)) in (0..).zip(types.iter().zip(places)) {
        let to = Mem::at(array, SLOT_BYTES * slot);
        asm.store_imm(Width::W64, Mem::at(array, to.disp + 8), 0);
        let register = match *place {
            Passed::Xmm(register) => {
                asm.store_imm(Width::W64, to, 0);
                asm.store_float(float(*ty), to, register);
                continue;
            }
            Passed::Gpr(register) => register,
            Passed::Stack(offset) => {
                // Behind the frame pointer and the return address.
                asm.mov(Width::W64, Gpr::R11, Mem::at(Gpr::RBP, 16 + offset));
                Gpr::R11
            }
        };
        if matches!(ty, ValType::I32 | ValType::F32) {
            // Nobody says what is in the upper half.
            asm.mov(Width::W32, register, register);
        }
        asm.store(Width::W64, to, register);
    }
}
