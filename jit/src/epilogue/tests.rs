//! Which instructions become `nop`, and that nothing else does.

use cranelift_codegen::ir::InstBuilder;
use cranelift_codegen::ir::types::I32;
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};

use super::*;
use crate::compiler::tests::{compiler, instance};
use crate::unit::Unit;
use crate::vm::Stubs;
use crate::vm::types::{FuncType, ValType};

#[track_caller]
fn check(code: &[u8], expected: &[u8]) {
    let mut code = code.to_vec();
    shorten_one(&mut code);
    assert_eq!(code, expected);
}

#[test]
fn only_an_epilogue_is_changed() {
    check(&[0x90, 0x48, 0x89, 0xec, 0x5d, 0xc3], &[0x90, 0x0f, 0x1f, 0x00, 0x5d, 0xc3]);
    check(&[0x48, 0x89, 0xec, 0x5d, 0xc2, 0x20, 0x00], &[0x0f, 0x1f, 0x00, 0x5d, 0xc2, 0x20, 0x00]);
    // Its operand looks like the end of the shorter form.
    let popping = [0x48, 0x89, 0xec, 0x5d, 0xc2, 0x5d, 0xc3];
    check(&popping, &popping);
    for other in [&[][..], &[0xc3], &[0x5d, 0xc3], &[0x48, 0x89, 0xec, 0xc3], &[0xec, 0x5d, 0xc3]] {
        check(other, other);
    }
}

fn code(wat: &str) -> Vec<u8> {
    compiler().compile(&Unit::alone(instance(wat))).expect("it is valid").swap_remove(0).bytes
}

fn count(code: &[u8], sought: &[u8]) -> usize {
    code.windows(sought.len()).filter(|found| *found == sought).count()
}

/// Compiles the first function of a module and counts its epilogues: shortened, and not.
#[track_caller]
fn check_function(wat: &str, shortened: usize, others: usize) {
    let code = code(wat);
    let mov = [&MOV_RSP_RBP[..], &[POP_RBP]].concat();
    let nop = [&NOP[..], &[POP_RBP]].concat();
    assert_eq!((count(&code, &nop), count(&code, &mov)), (shortened, others), "{code:02x?}");
}

#[test]
fn every_return_is_short() {
    check_function("(module (func))", 1, 0);
    check_function("(module (func (result i32) i32.const 7))", 1, 0);
    check_function(
        "(module (func (param i32) (result i32)
           (if (local.get 0) (then (return (i32.const 3))))
           (drop (call 0 (i32.const 1)))
           (block (br_if 0 (call 0 (i32.const 2))) (return (i32.const 4)))
           (i32.const 5)))",
        3,
        0,
    );
}

#[test]
fn a_function_that_pops_its_arguments_is_short() {
    let params = "i64 ".repeat(20);
    let code = code(&format!("(module (func (param {params}) (result i64) local.get 19))"));
    assert_eq!(count(&code, &[0x0f, 0x1f, 0x00, POP_RBP, RET_IMM16]), 1, "{code:02x?}");
}

#[test]
fn tail_calls_are_left_alone() {
    check_function("(module (func return_call 0))", 0, 1);
}

#[test]
fn constants_that_look_like_an_epilogue_stay() {
    check_function(
        "(module (func (param i64) (result i64)
           (i64.xor (local.get 0) (i64.const 0x00c3_5dec_8948_0000))))",
        1,
        1,
    );
}

#[test]
fn ways_in_and_out_are_short() {
    // Those of numbers are written, not compiled.
    let ty = FuncType { params: Box::new([ValType::V128]), results: Box::new([ValType::I64]) };
    for code in [compiler().entry(&ty), compiler().host_call(&ty, 3)] {
        assert_eq!(count(&code.bytes, &[0x0f, 0x1f, 0x00, POP_RBP, RET]), 1, "{:02x?}", code.bytes);
    }
}

#[test]
fn only_returns_have_the_mark() {
    let mut func = ir::Function::new();
    let mut context = FunctionBuilderContext::new();
    let mut builder = FunctionBuilder::new(&mut func, &mut context);
    let (then, otherwise) = (builder.create_block(), builder.create_block());
    let entry = builder.create_block();
    builder.set_srcloc(SourceLoc::new(17));
    builder.switch_to_block(entry);
    let condition = builder.ins().iconst(I32, 1);
    builder.ins().brif(condition, then, &[], otherwise, &[]);
    for block in [then, otherwise] {
        builder.switch_to_block(block);
        builder.ins().return_(&[]);
    }
    builder.seal_all_blocks();
    builder.finalize(compiler().isa().frontend_config());

    mark_returns(&mut func);
    let insts = func.layout.blocks().flat_map(|block| func.layout.block_insts(block));
    let marks = insts.map(|inst| func.srcloc(inst).bits() == RETURN).collect::<Vec<_>>();
    assert_eq!(marks, [false, false, true, true]);
}
