//! Encodings, as the GNU assembler has them where there is one way to write an instruction.

use super::*;

#[track_caller]
fn check(write: impl FnOnce(&mut Assembler), expected: &str) {
    let mut asm = Assembler::default();
    write(&mut asm);
    let found: Vec<String> = asm.bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(found.join(" "), expected);
}

const R12: Gpr = Gpr(12);
const R13: Gpr = Gpr(13);

fn memory(index: Gpr, disp: i32) -> Mem {
    Mem { base: Gpr::R15, index: Some(index), disp }
}

#[test]
fn operands_in_memory() {
    let frame = |disp| Mem::at(Gpr::RBP, disp);
    check(|asm| asm.mov(Width::W32, Gpr::RAX, frame(-8)), "8b 45 f8");
    check(|asm| asm.mov(Width::W64, Gpr::R9, memory(Gpr::R10, 0x12345)), "4f 8b 8c 17 45 23 01 00");
    check(|asm| asm.store(Width::W64, frame(-0x400), Gpr::RDI), "48 89 bd 00 fc ff ff");
    check(|asm| asm.store_imm(Width::W32, memory(Gpr::RAX, -5), 7), "41 c7 44 07 fb 07 00 00 00");
    // These bases need a byte more, or a displacement.
    check(|asm| asm.movzx8(Gpr::RAX, Mem::at(R12, 0)), "41 0f b6 04 24");
    check(|asm| asm.movsx16(Width::W64, Gpr::R8, Mem::at(R13, 0)), "4d 0f bf 45 00");
    check(|asm| asm.store16(Mem::at(Gpr::RSP, 0), Gpr::R8), "66 44 89 04 24");
    let sum = Mem { base: Gpr::R11, index: Some(Gpr::RDI), disp: 4 };
    check(|asm| asm.lea(Gpr::R11, sum), "4d 8d 5c 3b 04");
}

#[test]
fn registers_as_bytes() {
    check(|asm| asm.store8(memory(Gpr::RSI, 0), Gpr::RDI), "41 88 3c 37");
    check(|asm| asm.store8(memory(Gpr::RSI, 0), Gpr::R11), "45 88 1c 37");
    check(|asm| asm.store8(Mem::at(Gpr::RBP, -8), Gpr::RSI), "40 88 75 f8");
    check(|asm| asm.set(Condition::Below, Gpr::RSI), "40 0f 92 c6 40 0f b6 f6");
    check(|asm| asm.set(Condition::Less, Gpr::RAX), "0f 9c c0 0f b6 c0");
}

#[test]
fn integers() {
    check(|asm| asm.alu_imm(Alu::Sub, Width::W64, Gpr::RSP, 0x20), "48 83 ec 20");
    check(
        |asm| asm.alu_imm(Alu::Cmp, Width::W32, Mem::at(Gpr::RBP, -8), 1000),
        "81 7d f8 e8 03 00 00",
    );
    check(|asm| asm.alu(Alu::Xor, Width::W32, Gpr::R8, Gpr::R9), "45 33 c1");
    check(|asm| asm.imul_imm(Width::W64, Gpr::RSI, Gpr::RSI, 77), "48 69 f6 4d 00 00 00");
    check(|asm| asm.div(Width::W64, Gpr::R11, true), "49 f7 fb");
    check(|asm| asm.shift(Shift::Sar, Width::W32, Gpr::R10), "41 d3 fa");
    check(|asm| asm.shift_imm(Shift::Shl, Width::W64, Gpr::RDI, 4), "48 c1 e7 04");
    check(|asm| asm.count_bits(0xbd, Width::W64, Gpr::R9, Gpr::R9), "f3 4d 0f bd c9");
    check(|asm| asm.cmov(Width::W32, Condition::NotEqual, Gpr::RSI, Gpr::R11), "41 0f 45 f3");
    check(|asm| asm.movsx32(Gpr::R11, Gpr::RCX), "4c 63 d9");
}

#[test]
fn the_shortest_way_to_a_number() {
    check(|asm| asm.mov_imm(Gpr::RDX, 5), "ba 05 00 00 00");
    check(|asm| asm.mov_imm(Gpr::R11, 0xffff_ffff), "41 bb ff ff ff ff");
    check(|asm| asm.mov_imm(Gpr::R11, u64::MAX), "49 c7 c3 ff ff ff ff");
    check(|asm| asm.mov_imm(Gpr::RAX, 1 << 40), "48 b8 00 00 00 00 00 01 00 00");
}

#[test]
fn floating_point() {
    let (single, double) = (Float::Single, Float::Double);
    check(|asm| asm.float(FloatOp::Add, double, Xmm(1), Mem::at(Gpr::RBP, -16)), "f2 0f 58 4d f0");
    check(|asm| asm.float(FloatOp::Sqrt, single, Xmm(9), Xmm(9)), "f3 45 0f 51 c9");
    check(|asm| asm.compare_floats(double, Xmm(12), Xmm(3)), "66 44 0f 2e e3");
    check(|asm| asm.round(double, Xmm(2), Xmm(2), 1), "66 0f 3a 0b d2 09");
    check(|asm| asm.int_to_float(double, Width::W64, Xmm(8), Gpr::RSI), "f2 4c 0f 2a c6");
    check(|asm| asm.float_to_int(single, Width::W64, Gpr::R9, Xmm(1)), "f3 4c 0f 2c c9");
    check(|asm| asm.gpr_to_xmm(Width::W64, Xmm(15), Gpr::R11), "66 4d 0f 6e fb");
}

#[test]
fn calls_and_returns() {
    check(|asm| asm.call(Mem::at(Gpr::R15, -0x1100)), "41 ff 97 00 ef ff ff");
    check(|asm| asm.call(Gpr::RAX), "ff d0");
    check(|asm| asm.ret(0), "c3");
    check(|asm| asm.ret(16), "c2 10 00");
}

/// A label is known before those that jump to it, or after.
#[test]
fn jumps_in_both_directions() {
    check(
        |asm| {
            let (mut back, mut ahead) = (Label::default(), Label::default());
            asm.bind(&mut back);
            asm.jump_if(Condition::Equal, &mut ahead);
            asm.jump(&mut back);
            assert!(ahead.is_awaited() && !back.is_awaited());
            asm.bind(&mut ahead);
            let over = asm.skip();
            asm.ud2();
            asm.land(over);
            assert!(!ahead.is_awaited());
        },
        "0f 84 05 00 00 00 e9 f5 ff ff ff eb 02 0f 0b",
    );
}
