//! Accesses that share an index with others before them: the process memory's must do what those of
//! a memory do whose accesses share nothing.

use dynvm_vm::Placement;
use dynvm_vm::code::TrapCode;
use dynvm_vm::value::Value;

use crate::fixture::{Fixture, trap};

/// What is added to an index, among it what wraps, and the distances around the greatest one.
const ADDED: [u32; 11] = [
    0,
    4,
    16,
    65528,
    0x000f_fffc,
    0x0010_0000,
    0x0010_0004,
    0x7fff_ffff,
    0x8000_0000,
    0xfff0_0000,
    0xffff_fffc,
];
const OFFSETS: [u32; 3] = [0, 8, 0x7fff_fff0];
const INDICES: [u32; 13] = [
    0,
    1,
    4,
    32,
    65532,
    65536,
    0x8000_0000,
    0x8000_0010,
    0x7fff_ffff,
    0xfff0_0000,
    0xffef_fffc,
    0xffff_fff0,
    0xffff_fffc,
];

/// A function that loads from three places, at sums of the index (or of two) and constants, and
/// stores to the last.
fn function(name: &str, added: [u32; 3], offset: u32, is_sum: bool) -> String {
    let base = if is_sum { "(i32.add (local.get 0) (local.get 1))" } else { "(local.get 0)" };
    let place = |added: u32| match added {
        0 => base.to_owned(),
        added => format!("(i32.add {base} (i32.const {added}))"),
    };
    let [first, second, third] = added.map(place);
    format!(
        r#"(func (export "{name}") (param i32 i32) (result i64) (local i64)
          (local.set 2 (i64.load32_u {first}))
          (local.set 2 (i64.add (i64.mul (local.get 2) (i64.const 31)) (i64.load8_u offset={offset} {second})))
          (if (i32.and (local.get 0) (i32.const 1)) (then
            (local.set 2 (i64.add (local.get 2) (i64.load16_u {second})))))
          (i32.store8 {third} (i32.load8_u {third}))
          (local.get 2))"#
    )
}

/// The results of all functions for all indices, or their traps with their places.
fn outcomes(placement: Placement, text: &str, names: &[String]) -> Vec<String> {
    let mut fixture = Fixture::new();
    let id = fixture.load("main", placement, text);
    let mut outcomes = Vec::new();
    for name in names {
        for index in INDICES {
            let (half, rest) = (index / 2, index - index / 2);
            let [first, second] = if name.starts_with("sum") { [half, rest] } else { [index, 0] };
            let args = [first, second].map(|value| Value::I32(value.cast_signed()));
            let outcome = fixture.call(id, name, &args).map_err(|stop| {
                let found = trap(Err(stop));
                assert_eq!(found.code, TrapCode::MemoryOutOfBounds);
                (found.backtrace[0].to_string(), found.detail)
            });
            outcomes.push(format!("{name} {index:#x}: {outcome:?}"));
        }
    }
    outcomes
}

#[test]
fn accesses_that_share_an_index_wrap_as_others_do() {
    let (mut text, mut names) = (String::new(), Vec::new());
    for first in ADDED {
        for second in ADDED {
            for (position, offset) in OFFSETS.into_iter().enumerate() {
                let is_sum = position == 1;
                let kind = if is_sum { "sum" } else { "one" };
                let name = format!("{kind} {first:#x} {second:#x} {offset:#x}");
                text += &function(&name, [first, second, 4], offset, is_sum);
                names.push(name);
            }
        }
    }
    let text = format!(
        r#"(module (memory 1)
          (data (i32.const 0) "{}") (data (i32.const 65500) "abcdefghijklmnopqrstuvwxyz0123456789") {text})"#,
        "0123456789".repeat(8)
    );
    let alone = outcomes(Placement::Private, &text, &names);
    let shared = outcomes(Placement::Process, &text, &names);
    assert!(alone.iter().any(|outcome| outcome.contains("Ok")));
    for (alone, shared) in alone.iter().zip(&shared) {
        assert_eq!(alone, shared);
    }
}

/// Indices whose greatest value may be known, and what is added to them: around where sums wrap.
#[test]
fn sums_with_small_indices_wrap_as_others_do() {
    let small = [
        "(i32.and (local.get 0) (i32.const 255))",
        "(i32.shl (i32.and (local.get 0) (i32.const 0x3fff)) (i32.const 2))",
        "(i32.shl (i32.and (local.get 0) (i32.const 0x7fffffff)) (i32.const 1))",
        "(i32.shl (i32.and (local.get 0) (i32.const 0x7fffffff)) (i32.const 2))",
        "(i32.shl (i32.shr_u (local.get 0) (i32.const 20)) (i32.const 20))",
        "(i32.mul (i32.rem_u (local.get 0) (i32.const 1000)) (i32.const 12))",
        "(i32.add (i32.load8_u (i32.const 3)) (i32.shr_u (local.get 0) (i32.const 33)))",
        "(i32.eqz (local.get 0))",
    ];
    let (mut text, mut names) = (String::new(), Vec::new());
    for (position, small) in small.into_iter().enumerate() {
        for added in ADDED {
            for offset in OFFSETS {
                let name = format!("{position} {added:#x} {offset:#x}");
                text += &format!(
                    r#"(func (export "{name}") (param i32 i32) (result i64)
                      (i64.load8_u offset={offset} (i32.add {small} (i32.const {added}))))"#
                );
                names.push(name);
            }
        }
    }
    let text =
        format!(r#"(module (memory 1) (data (i32.const 0) "{}") {text})"#, "0123456789".repeat(8));
    let alone = outcomes(Placement::Private, &text, &names);
    let shared = outcomes(Placement::Process, &text, &names);
    assert!(alone.iter().any(|outcome| outcome.contains("Ok")));
    for (alone, shared) in alone.iter().zip(&shared) {
        assert_eq!(alone, shared);
    }
}

/// What makes it right: the process memory leaves the last MiB of its indices out.
#[test]
fn the_process_memory_ends_before_indices_wrap() {
    let text = r#"(module (memory 1)
      (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0))))"#;
    let mut fixture = Fixture::new();
    let id = fixture.load("main", Placement::Process, text);
    let grown = fixture.call(id, "grow", &[Value::I32(65520)]).unwrap();
    assert_eq!(grown, [Value::I32(-1)]);

    let module = dynvm_jit::decode(crate::wast_binary("(module (memory 65521))")).unwrap();
    let process = &mut Fixture::new().process;
    let id = process.declare("main", module.into(), Placement::Process).unwrap();
    let refused = process.bind(id, &[]).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "memory of 4293984256 bytes is too large: the limit is 4293918720 bytes"
    );
}
