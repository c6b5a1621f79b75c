//! Baseline code, and how better code takes its place: while a function is called, and while it runs.

use dynvm_jit::{CompileTime, LazyStatistics, Tiers};
use dynvm_vm::Placement;
use dynvm_vm::code::TrapCode;
use dynvm_vm::instance::InstanceId;
use dynvm_vm::value::Value;

use crate::fixture::{Fixture, trap};

fn load(tiers: Tiers, text: &str) -> (Fixture, InstanceId) {
    let mut fixture = Fixture::new();
    fixture.set_compile_time(CompileTime::Lazy(tiers));
    let id = fixture.load("main", Placement::Process, text);
    (fixture, id)
}

fn statistics(fixture: &Fixture) -> LazyStatistics {
    fixture.lazy.as_ref().unwrap().statistics()
}

/// How many functions were compiled at once, how many optimized, and how many running loops.
#[track_caller]
fn expect_compiled(fixture: &Fixture, baseline: usize, optimized: usize, loops: usize) {
    let found = statistics(fixture);
    assert_eq!((found.baseline, found.compiled, found.loops), (baseline, optimized, loops));
}

/// Sums up in every type that a local can have.
const SUM: &str = r#"(module
  (func (export "sum") (param i32 i64 f32 f64) (result i64)
    (local $i i32) (local $wide i64) (local $single f32) (local $double f64)
    (local.set $double (f64.const 0.5))
    (loop $l
      (local.set $wide (i64.add (local.get $wide) (local.get 1)))
      (local.set $single (f32.add (local.get $single) (local.get 2)))
      (local.set $double (f64.add (local.get $double) (local.get 3)))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $l (i32.lt_u (local.get $i) (local.get 0))))
    (i64.add (local.get $wide)
      (i64.add (i64.trunc_f32_s (local.get $single)) (i64.trunc_f64_s (local.get $double))))))"#;

#[test]
fn a_loop_goes_on_in_optimized_code_with_its_locals() {
    for (tiers, loops) in [(Tiers::Baseline, 0), (Tiers::Hasty, 1), (Tiers::Both, 1)] {
        let (mut fixture, id) = load(tiers, SUM);
        let rounds = 100_000;
        let args = [Value::I32(rounds), Value::I64(3), Value::F32(2.0), Value::F64(0.25)];
        let found = fixture.call(id, "sum", &args).unwrap();
        assert_eq!(found, [Value::I64(300_000 + 200_000 + 25_000)], "{tiers:?}");
        let optimized = usize::from(tiers != Tiers::Baseline);
        expect_compiled(&fixture, 1, optimized, loops);
    }
}

/// The other code takes no operands along: it waits for the next call.
#[test]
fn a_loop_above_operands_stays_where_it_is() {
    let text = r#"(module (func (export "f") (param i32) (result i32) (local i32)
      (i32.mul (local.get 0)
        (loop $l (result i32)
          (local.set 1 (i32.add (local.get 1) (i32.const 1)))
          (br_if $l (i32.lt_u (local.get 1) (local.get 0)))
          (local.get 1)))))"#;
    let (mut fixture, id) = load(Tiers::Hasty, text);
    assert_eq!(fixture.call(id, "f", &[Value::I32(100)]).unwrap(), [Value::I32(10_000)]);
    expect_compiled(&fixture, 1, 1, 0);
    assert_eq!(fixture.call(id, "f", &[Value::I32(7)]).unwrap(), [Value::I32(49)]);
}

#[test]
fn calls_and_elements_lead_to_optimized_code_once_there_is_some() {
    let text = r#"(module (type $t (func (param i32) (result i32)))
      (table (export "t") 1 funcref) (elem (i32.const 0) $f)
      (func $f (type $t) (i32.add (local.get 0) (i32.const 1)))
      (func (export "direct") (param i32) (result i32) (call $f (local.get 0)))
      (func (export "indirect") (param i32) (result i32)
        (call_indirect (type $t) (local.get 0) (i32.const 0))))"#;
    let (mut fixture, id) = load(Tiers::Hasty, text);
    for round in 0..10 {
        for name in ["direct", "indirect"] {
            let found = fixture.call(id, name, &[Value::I32(round)]).unwrap();
            assert_eq!(found, [Value::I32(round + 1)], "{name}({round})");
        }
    }
    expect_compiled(&fixture, 3, 3, 0);
    for name in ["direct", "indirect"] {
        assert!(!fixture.process.is_provisional(fixture.func(id, name)), "{name}");
    }
}

/// A function that went on elsewhere is one frame of a backtrace, not two.
#[test]
fn a_trap_in_a_loop_that_was_optimized_names_the_function_once() {
    let text = r#"(module
      (func $main (export "main") (param i32) (call $rounds (local.get 0)))
      (func $rounds (param i32) (local i32)
        (loop $l
          (local.set 1 (i32.add (local.get 1) (i32.const 1)))
          (drop (i32.div_u (i32.const 1) (i32.sub (local.get 0) (local.get 1))))
          (br $l))))"#;
    let mut found = Vec::new();
    for (tiers, loops) in [(Tiers::Baseline, 0), (Tiers::Hasty, 1)] {
        let (mut fixture, id) = load(tiers, text);
        let trap = trap(fixture.call(id, "main", &[Value::I32(1000)]));
        assert_eq!(trap.code, TrapCode::IntegerDivideByZero);
        assert_eq!(statistics(&fixture).loops, loops, "{tiers:?}");
        found.push(trap.to_string());
    }
    assert_eq!(
        found[0],
        "wasm trap: integer divide by zero\n  #0 main!rounds+0x13\n  #1 main!main+0x3"
    );
    assert_eq!(found[0], found[1]);
}

/// Vectors, references and exceptions are for the other compiler, at once.
#[test]
fn what_the_baseline_compiler_does_not_know_is_optimized() {
    let functions = [
        "(func (export \"f\") (drop (v128.const i64x2 1 2)))",
        "(func (export \"f\") (param v128))",
        "(func (export \"f\") (local externref))",
        "(func (export \"f\") (drop (ref.null func)))",
        "(func (export \"f\") (return_call $g))",
        "(func (export \"f\") (block $b (try_table (catch_all $b))))",
        "(func (export \"f\") (drop (i32.load $other (i32.const 0))))",
        "(func (export \"f\") (drop (i32.atomic.load (i32.const 0))))",
    ];
    for function in functions {
        let text = format!("(module (memory 1) (memory $other 1) (func $g) {function})");
        let (mut fixture, id) = load(Tiers::Both, &text);
        let func = fixture.func(id, "f");
        let takes = fixture.process.func_type(fixture.process.func_type_id(func).unwrap());
        let args = vec![Value::V128(0); takes.unwrap().params.len()];
        fixture.call(id, "f", &args).unwrap();
        let found = statistics(&fixture);
        assert!(found.compiled >= 1, "{function}: {found:?}");
        assert!(!fixture.process.is_provisional(func), "{function}");
    }
}

/// Every kind of argument and result, more than there are registers for, in both directions between
/// code of both compilers.
#[test]
fn both_compilers_pass_arguments_alike() {
    let params = "i32 i64 f32 f64 i32 i32 i64 i64 i32 f64 f64 f64 f64 f64 f64 f64 f32 i64";
    let gets: Vec<String> = (0..18).map(|at| format!("(local.get {at})")).collect();
    let gets = gets.join(" ");
    let text = format!(
        r#"(module
          (type $t (func (param {params}) (result i32 f32 i64 f64)))
          (func $baseline (type $t) (local.get 8) (local.get 16) (local.get 17) (local.get 15))
          (func $optimized (type $t) (drop (v128.const i64x2 0 0)) (call $baseline {gets}))
          (func $middle (type $t) (call $optimized {gets}))
          (func $outer (type $t) (drop (v128.const i64x2 0 0)) (call $middle {gets}))
          (func (export "f") (result i32 f32 i64 f64)
            (call $outer (i32.const 1) (i64.const 2) (f32.const 3) (f64.const 4) (i32.const 5)
              (i32.const 6) (i64.const 7) (i64.const 8) (i32.const -9) (f64.const 10) (f64.const 11)
              (f64.const 12) (f64.const 13) (f64.const 14) (f64.const 15) (f64.const 16.5)
              (f32.const 17.25) (i64.const -18))))"#
    );
    for tiers in [Tiers::Baseline, Tiers::Hasty] {
        let (mut fixture, id) = load(tiers, &text);
        for _ in 0..4 {
            let found = fixture.call(id, "f", &[]).unwrap();
            let expected = [Value::I32(-9), Value::F32(17.25), Value::I64(-18), Value::F64(16.5)];
            assert_eq!(found, expected, "{tiers:?}");
        }
    }
}
