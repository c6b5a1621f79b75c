//! Copies and fills of constant lengths: those that need no call must do what the runtime does.

use std::fmt::Write as _;

use dynvm_vm::Placement;
use dynvm_vm::code::TrapCode;
use dynvm_vm::value::Value;

use crate::fixture::{Fixture, trap};

/// Lengths: all that are short, and one that is not.
const LENGTHS: std::ops::RangeInclusive<u32> = 0..=65;
/// Targets and sources: apart, overlapping either way, at the end of the memory and beyond.
const PLACES: [(u32, u32); 10] = [
    (0, 80),
    (80, 0),
    (10, 11),
    (11, 10),
    (20, 50),
    (50, 20),
    (65536 - 40, 0),
    (0, 65536 - 40),
    (0xffff_fff0, 0),
    (0, 0xffff_fff0),
];

fn module() -> String {
    let mut text = String::from(
        r#"(module (memory 1)
          (func (export "reset") (local i32)
            (loop $again
              (i32.store8 (local.get 0) (i32.mul (local.get 0) (i32.const 7)))
              (br_if $again (i32.lt_u (local.tee 0 (i32.add (local.get 0) (i32.const 1))) (i32.const 65536)))))
          (func (export "sum") (result i64) (local i32 i64)
            (loop $again
              (local.set 1 (i64.add (i64.mul (local.get 1) (i64.const 31)) (i64.load8_u (local.get 0))))
              (br_if $again (i32.lt_u (local.tee 0 (i32.add (local.get 0) (i32.const 1))) (i32.const 65536))))
            (local.get 1))"#,
    );
    for len in LENGTHS {
        write!(
            text,
            r#"(func (export "copy {len}") (param i32 i32)
                 (memory.copy (local.get 0) (local.get 1) (i32.const {len})))
               (func (export "fill {len}") (param i32 i32)
                 (memory.fill (local.get 0) (local.get 1) (i32.const {len})))"#
        )
        .unwrap();
    }
    text + ")"
}

/// What is in the memory after each, or that it trapped and left the memory as it was.
fn outcomes(placement: Placement) -> Vec<String> {
    let mut fixture = Fixture::new();
    let id = fixture.load("main", placement, &module());
    let mut outcomes = Vec::new();
    for len in LENGTHS {
        for (to, from) in PLACES {
            for what in ["copy", "fill"] {
                fixture.call(id, "reset", &[]).unwrap();
                let before = fixture.call(id, "sum", &[]).unwrap();
                let args = [to, from].map(|value| Value::I32(value.cast_signed()));
                let outcome = fixture.call(id, &format!("{what} {len}"), &args);
                let after = fixture.call(id, "sum", &[]).unwrap();
                let outcome = outcome.map_err(|stop| {
                    assert_eq!(after, before, "{what} {len} {to:#x} {from:#x}");
                    let found = trap(Err(stop));
                    assert_eq!(found.code, TrapCode::MemoryOutOfBounds);
                    found.backtrace[0].to_string()
                });
                outcomes.push(format!("{what} {len} {to:#x} {from:#x}: {outcome:?} {after:?}"));
            }
        }
    }
    outcomes
}

#[test]
fn short_copies_and_fills_do_what_long_ones_do() {
    let (called, inlined) = (outcomes(Placement::Private), outcomes(Placement::Process));
    assert!(called.iter().any(|outcome| outcome.contains("Err")));
    for (called, inlined) in called.iter().zip(&inlined) {
        assert_eq!(called, inlined);
    }
}
