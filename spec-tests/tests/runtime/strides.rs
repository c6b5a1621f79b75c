//! Loops whose addresses are stepped: the process memory's must do what those of a memory do whose
//! addresses are summed up in each turn.

use dynvm_vm::Placement;
use dynvm_vm::code::TrapCode;
use dynvm_vm::value::Value;

use crate::fixture::{Fixture, trap};

const STEPS: [i32; 8] = [4, 1, 0x1000, 0x0010_0000, 0x0020_0000, -4, -1, -0x1000];
/// What is added to the stepped index, inside and outside of the accesses.
const ADDED: [u32; 5] = [0, 8, 0x0011_0004, 0x8000_0000, 0xffff_fff8];
const OFFSETS: [u32; 2] = [0, 16];
/// Where a loop starts, what it adds, and how many turns it has.
const ARGUMENTS: [[u32; 3]; 12] = [
    [0, 0, 5],
    [64, 0, 40],
    [40, 8, 20],
    [65500, 8, 3],
    [65000, 500, 40],
    [0xffff_fff0, 0, 9],
    [0xffff_ff00, 0x200, 100],
    [0xffff_fff0, 0x20, 3],
    [0x8000_0000, 0x8000_0010, 6],
    [0x7fff_ffff, 0x8000_0001, 4],
    [0x000f_fff0, 0xfff0_0020, 8],
    [0xffe0_0000, 0x0020_0000, 300],
];

/// A loop that loads at two sums of its counter, of the argument and of a constant, and stores to one.
fn function(name: &str, step: i32, added: u32, offset: u32, scale: u32) -> String {
    let counter = match scale {
        0 => "(local.get 3)".to_owned(),
        scale => format!("(i32.shl (local.get 3) (i32.const {scale}))"),
    };
    let sum = format!("(i32.add (i32.add {counter} (local.get 1)) (i32.const {added}))");
    format!(
        r#"(func (export "{name}") (param i32 i32 i32) (result i64) (local i32 i64)
          (local.set 3 (local.get 0))
          (loop
            (local.set 4 (i64.add (i64.mul (local.get 4) (i64.const 31)) (i64.load32_u {sum})))
            (local.set 4 (i64.xor (local.get 4) (i64.load offset={offset} align=1 {counter})))
            (i32.store8 offset={offset} {sum} (i32.add (i32.load8_u {sum}) (local.get 2)))
            (local.set 3 (i32.add (local.get 3) (i32.const {step})))
            (br_if 0 (local.tee 2 (i32.sub (local.get 2) (i32.const 1)))))
          (i64.add (local.get 4) (i64.extend_i32_u (local.get 3))))"#
    )
}

/// The results of all functions, or their traps, each with what memory holds afterwards.
fn outcomes(placement: Placement, text: &str, names: &[String]) -> Vec<String> {
    let mut fixture = Fixture::new();
    let id = fixture.load("main", placement, text);
    let mut outcomes = Vec::new();
    for name in names {
        for arguments in ARGUMENTS {
            let values = arguments.map(|value| Value::I32(value.cast_signed()));
            let outcome = fixture.call(id, name, &values).map_err(|stop| {
                let found = trap(Err(stop));
                assert_eq!(found.code, TrapCode::MemoryOutOfBounds);
            });
            let memory = fixture.call(id, "hash", &[]).expect("it traps nowhere");
            outcomes.push(format!("{name} {arguments:x?}: {outcome:?}, {memory:?}"));
        }
    }
    outcomes
}

#[test]
fn stepped_addresses_wrap_as_sums_do() {
    let (mut text, mut names) = (String::new(), Vec::new());
    for step in STEPS {
        for added in ADDED {
            for (scale, offset) in OFFSETS.into_iter().enumerate() {
                let name = format!("{step:#x} {added:#x} {offset:#x}");
                text += &function(&name, step, added, offset, scale as u32);
                names.push(name);
            }
        }
    }
    let text = format!(
        r#"(module (memory 1) {text}
          (func (export "hash") (result i64) (local i32 i64)
            (loop
              (local.set 1 (i64.add (i64.mul (local.get 1) (i64.const 0x5851f42d4c957f2d)) (i64.load (local.get 0))))
              (br_if 0 (i32.ne (local.tee 0 (i32.add (local.get 0) (i32.const 8))) (i32.const 65536))))
            (local.get 1))
          (data (i32.const 0) "{}") (data (i32.const 65500) "abcdefghijklmnopqrstuvwxyz0123456789"))"#,
        "0123456789".repeat(20)
    );
    let alone = outcomes(Placement::Private, &text, &names);
    let shared = outcomes(Placement::Process, &text, &names);
    let ended = alone.iter().filter(|outcome| outcome.contains("Ok")).count();
    assert!((50..alone.len() - 100).contains(&ended), "{ended} loops end without a trap");
    for (alone, shared) in alone.iter().zip(&shared) {
        assert_eq!(alone, shared);
    }
}
