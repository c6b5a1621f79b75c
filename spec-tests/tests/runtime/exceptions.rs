//! Exceptions: what they carry, who catches them, and what becomes of them.

use std::fmt::Write;
use std::sync::{Arc, OnceLock};

use dynvm_vm::code::TrapCode;
use dynvm_vm::context::FuncId;
use dynvm_vm::instance::InstanceId;
use dynvm_vm::value::Value;
use dynvm_vm::{Config, Placement, Stop, Trap};

use crate::fixture::{Fixture, i32s};

fn run(text: &str) -> Result<Vec<Value>, Stop> {
    let mut fixture = Fixture::new();
    let id = fixture.load("main", Placement::Private, text);
    fixture.call(id, "run", &[])
}

#[track_caller]
fn check(text: &str, expected: i32) {
    assert_eq!(run(text).unwrap(), [Value::I32(expected)], "{text}");
}

/// A fixture in which the host function `again` calls the export `inner` and passes on what
/// happens.
fn nested(text: &str) -> (Fixture, InstanceId) {
    let mut fixture = Fixture::new();
    let inner: Arc<OnceLock<FuncId>> = Arc::default();
    let called = Arc::clone(&inner);
    fixture.host("again", i32s(0, 0), move |process, _| {
        process.call(*called.get().unwrap(), &[]).map(drop)
    });
    let id = fixture.load("main.wasm", Placement::Private, text);
    inner.set(fixture.func(id, "inner")).unwrap();
    (fixture, id)
}

#[test]
fn dead_ones_do_not_pile_up() {
    let mut fixture = Fixture::new();
    let id = fixture.load(
        "main",
        Placement::Private,
        r#"(module (tag $e (param i32)) (global $kept (mut exnref) (ref.null exn))
          (func (export "run") (param $times i32)
            (loop $next
              (block $caught (result i32 exnref)
                (try_table (catch_ref $e $caught) (throw $e (local.get $times)))
                unreachable)
              (global.set $kept) (drop)
              (br_if $next (local.tee $times (i32.sub (local.get $times) (i32.const 1))))))
          (func (export "kept") (result i32)
            (block $caught (result i32)
              (try_table (catch $e $caught) (throw_ref (global.get $kept)))
              unreachable)))"#,
    );
    for _ in 0..10 {
        fixture.call(id, "run", &[Value::I32(100_000)]).unwrap();
        let alive = fixture.process.exceptions_len();
        assert!(alive <= 4096, "{alive} exceptions");
        assert_eq!(fixture.call(id, "kept", &[]).unwrap(), [Value::I32(1)]);
    }
}

/// Objects that refer to exceptions, which refer to them.
const CYCLES: &str = r#"(module
  (rec (type $box (struct (field $exception (mut exnref)) (field $next (mut (ref null $box)))
    (field $number i32) (field $ballast (ref $bytes)))) (type $bytes (array (mut i8))))
  (type $exceptions (array (mut exnref)))
  (tag $e (param (ref $box)))
  (global $kept (mut (ref null $box)) (ref.null $box))
  (global $array (mut (ref null $exceptions)) (ref.null $exceptions))
  (func $cycle (param $number i32) (param $bytes i32) (result (ref $box))
    (local $box (ref $box)) (local $exception exnref)
    (local.set $box (struct.new $box (ref.null exn) (ref.null $box) (local.get $number)
      (array.new_default $bytes (local.get $bytes))))
    (block $caught (result (ref $box) exnref)
      (try_table (catch_ref $e $caught) (throw $e (local.get $box)))
      unreachable)
    (local.set $exception)
    (local.set $box)
    (struct.set $box $exception (local.get $box) (local.get $exception))
    (local.get $box))
  (func (export "cycles") (param $times i32) (param $bytes i32)
    (loop $more
      (drop (call $cycle (local.get $times) (local.get $bytes)))
      (br_if $more (local.tee $times (i32.sub (local.get $times) (i32.const 1))))))
  (func (export "keep") (param $times i32) (local $box (ref $box))
    (loop $more
      (local.set $box (call $cycle (local.get $times) (i32.const 8)))
      (struct.set $box $next (local.get $box) (global.get $kept))
      (global.set $kept (local.get $box))
      (global.set $array (array.new $exceptions
        (struct.get $box $exception (local.get $box)) (i32.const 2)))
      (br_if $more (local.tee $times (i32.sub (local.get $times) (i32.const 1))))))
  (func $thrown (param exnref) (result (ref $box))
    (block $caught (result (ref $box))
      (try_table (catch $e $caught) (throw_ref (local.get 0)))
      unreachable))
  ;; Of each box that is kept the number, from its exception's box.
  (func (export "sum") (result i32) (local $sum i32) (local $box (ref null $box))
    (local.set $box (global.get $kept))
    (loop $more
      (local.set $sum (i32.add (local.get $sum)
        (struct.get $box $number (call $thrown (struct.get $box $exception (local.get $box))))))
      (br_if $more (i32.eqz (ref.is_null
        (local.tee $box (struct.get $box $next (local.get $box)))))))
    (i32.add (i32.mul (i32.const 1000000) (struct.get $box $number
        (call $thrown (array.get $exceptions (global.get $array) (i32.const 1)))))
      (local.get $sum))))"#;

#[test]
fn cycles_through_objects_are_collected() {
    let mut fixture = Fixture::new();
    let id = fixture.load("main", Placement::Private, CYCLES);
    fixture.call(id, "keep", &[Value::I32(100)]).unwrap();
    for _ in 0..3 {
        fixture.call(id, "cycles", &[Value::I32(20_000), Value::I32(8)]).unwrap();
        let alive = fixture.process.exceptions_len();
        assert!(alive <= 4096, "{alive} exceptions");
        assert_eq!(fixture.call(id, "sum", &[]).unwrap(), [Value::I32(1_005_050)]);
    }
    // What dead exceptions hold does not fill the heap, however few they are.
    let limited = Config { heap_bytes_max: 1 << 20, ..Config::default() };
    let mut fixture = Fixture::with_config(&limited);
    let id = fixture.load("main", Placement::Private, CYCLES);
    fixture.call(id, "keep", &[Value::I32(100)]).unwrap();
    fixture.call(id, "cycles", &[Value::I32(500), Value::I32(100_000)]).unwrap();
    assert_eq!(fixture.call(id, "sum", &[]).unwrap(), [Value::I32(1_005_050)]);
    let stopped = fixture.call(id, "cycles", &[Value::I32(1), Value::I32(2_000_000)]);
    assert!(stopped.unwrap_err().to_string().contains("heap exhausted"));
}

#[test]
fn cycles_in_stress_mode() {
    let stressed = Config { is_heap_stressed: true, ..Config::default() };
    let mut fixture = Fixture::with_config(&stressed);
    let id = fixture.load("main", Placement::Private, CYCLES);
    fixture.call(id, "keep", &[Value::I32(10)]).unwrap();
    fixture.call(id, "cycles", &[Value::I32(100), Value::I32(8)]).unwrap();
    assert_eq!(fixture.call(id, "sum", &[]).unwrap(), [Value::I32(1_000_055)]);
    assert!(fixture.process.exceptions_len() <= 13, "{}", fixture.process.exceptions_len());
}

#[test]
fn caught_behind_a_host_function() {
    let (mut fixture, id) = nested(
        r#"(module (import "host" "again" (func $again)) (tag $other) (tag $e (param i32 i64))
          (func (export "inner") (call $throw))
          (func $throw (throw $e (i32.const 7) (i64.const -8)))
          (func (export "run") (result i32 i64)
            (block $other
              (block $caught (result i32 i64)
                (try_table (catch $other $other) (catch $e $caught) (call $again))
                unreachable)
              (return))
            unreachable)
          (func (export "legacy") (result i32 i64)
            try (result i32 i64)
              try (result i32 i64)
                call $again
                unreachable
              catch $other
                unreachable
              end
            catch $e
            end))"#,
    );
    for _ in 0..3 {
        let caught = [Value::I32(7), Value::I64(-8)];
        assert_eq!(fixture.call(id, "run", &[]).unwrap(), caught);
        assert_eq!(fixture.call(id, "legacy", &[]).unwrap(), caught);
    }
}

#[test]
fn host_function_can_end_one() {
    let mut fixture = Fixture::new();
    let inner: Arc<OnceLock<FuncId>> = Arc::default();
    let called = Arc::clone(&inner);
    fixture.host("try", i32s(0, 1), move |process, values| {
        let Err(Stop::Exception { handle, .. }) = process.call(*called.get().unwrap(), &[]) else {
            panic!("expected an exception");
        };
        values[0] = process.exception(handle).unwrap().1[0];
        process.release_exception(handle);
        Ok(())
    });
    let id = fixture.load(
        "main",
        Placement::Private,
        r#"(module (import "host" "try" (func $try (result i32))) (tag $e (param i32))
          (func (export "inner") (throw $e (i32.const 31)))
          (func (export "run") (result i32) (call $try)))"#,
    );
    inner.set(fixture.func(id, "inner")).unwrap();
    for _ in 0..10_000 {
        assert_eq!(fixture.call(id, "run", &[]).unwrap(), [Value::I32(31)]);
    }
    assert!(fixture.process.exceptions_len() <= 4096);
}

#[test]
fn payload_of_every_type() {
    let mut fixture = Fixture::new();
    let id = fixture.load(
        "main",
        Placement::Private,
        r#"(module
          (type $all (func (param i32 i64 f32 f64 v128 funcref externref)))
          (type $give (func (param externref)
            (result i32 i64 f32 f64 v128 funcref externref)))
          (tag $e (type $all)) (elem declare func $throw)
          (func $throw (export "throw") (param externref)
            (throw $e (i32.const -1) (i64.const -2) (f32.const 1.5) (f64.const -2.5)
              (v128.const i64x2 3 4) (ref.func $throw) (local.get 0)))
          (func (export "new") (type $give)
            (block $caught (result i32 i64 f32 f64 v128 funcref externref)
              (try_table (catch $e $caught) (call $throw (local.get 0)))
              unreachable))
          (func (export "old") (type $give)
            try (result i32 i64 f32 f64 v128 funcref externref)
              local.get 0
              call $throw
              unreachable
            catch $e
            end))"#,
    );
    let given = Value::Ref(dynvm_vm::types::RefType::EXTERNREF, 99);
    let throw = fixture.func(id, "throw");
    let expected = [
        Value::I32(-1),
        Value::I64(-2),
        Value::F32(1.5),
        Value::F64(-2.5),
        Value::V128(3 | 4 << 64),
        Value::Ref(dynvm_vm::types::RefType::FUNCREF, throw.0),
        given,
    ];
    for name in ["new", "old"] {
        assert_eq!(fixture.call(id, name, &[given]).unwrap(), expected, "{name}");
    }
    let Err(Stop::Exception { handle, .. }) = fixture.call(id, "throw", &[given]) else {
        panic!("expected an exception");
    };
    let (_, values) = fixture.process.exception(handle).unwrap();
    let raw = expected.map(|value| value.raw());
    for (position, (value, raw)) in values.iter().zip(raw).enumerate() {
        // Above the value's own width nothing is promised.
        match expected[position] {
            Value::V128(_) => assert_eq!(value.u128(), raw.u128()),
            Value::I64(_) | Value::F64(_) => assert_eq!(value.u64(), raw.u64()),
            _ => assert_eq!(value.u32(), raw.u32()),
        }
    }
    fixture.process.release_exception(handle);
}

#[test]
fn uncaught_says_where_it_was_thrown() {
    let (mut fixture, id) = nested(
        r#"(module (import "host" "again" (func $again)) (tag $other) (tag $e)
          (func (export "inner") (call $throw))
          (func $throw (throw $e))
          (func $outer (export "outer")
            (block $caught (try_table (catch $other $caught) (call $again)))))"#,
    );
    let Err(Stop::Exception { handle, trap }) = fixture.call(id, "outer", &[]) else {
        panic!("expected an exception");
    };
    fixture.process.release_exception(handle);
    assert_eq!(trap.code, TrapCode::UncaughtException);
    let frames: Vec<_> = trap.backtrace.iter().map(|frame| frame.function.as_str()).collect();
    assert_eq!(frames[..2], ["throw", "inner"], "{trap}");
}

#[test]
fn catch_all_sees_neither_traps_nor_exits() {
    let ways = [
        ("unreachable", "wasm trap: unreachable"),
        ("(drop (i32.load (i32.const -1)))", "wasm trap: out of bounds memory access"),
        ("(memory.fill (i32.const -1) (i32.const 0) (i32.const 1))", "wasm trap: out of bounds"),
        ("(drop (i32.div_u (i32.const 1) (local.get 0)))", "wasm trap: integer divide by zero"),
        ("(call_indirect (i32.const 0))", "wasm trap: uninitialized element"),
        ("(call $deep)", "wasm trap: call stack exhausted"),
        ("(throw_ref (ref.null exn))", "wasm trap: null"),
        ("(call $fail)", "wasm trap: host function failed: on purpose"),
        ("(call $exit)", "exit status 7"),
    ];
    for (way, message) in ways {
        let (mut old, mut new) = (String::new(), String::new());
        write!(old, "(func (export \"old\") (local i32) try {way} catch_all end)").unwrap();
        write!(
            new,
            "(func (export \"new\") (local i32)
               (block $caught (try_table (catch_all $caught) {way})))"
        )
        .unwrap();
        let mut fixture = Fixture::new();
        fixture.host("exit", i32s(0, 0), |_, _| Err(Stop::Exit(7)));
        fixture.host(
            "fail",
            i32s(0, 0),
            |_, _| Err(Trap::new(TrapCode::Host, "on purpose").into()),
        );
        let text = format!(
            r#"(module (import "host" "exit" (func $exit)) (import "host" "fail" (func $fail))
              (memory 1) (table 1 funcref) (func $deep (call $deep)) {old} {new})"#
        );
        let id = fixture.load("main", Placement::Process, &text);
        for name in ["old", "new"] {
            let stop = fixture.call(id, name, &[]).unwrap_err().to_string();
            assert!(stop.starts_with(message), "{name} {way}: {stop}");
        }
    }
}

#[test]
fn rethrow_is_of_the_handler_that_it_names() {
    let module = |depth: u32| {
        format!(
            r#"(module (tag $a (param i32)) (tag $b (param i32))
              (func $nested
                try
                  i32.const 1
                  throw $a
                catch $a
                  drop
                  try
                    i32.const 2
                    throw $b
                  catch $b
                    drop
                    rethrow {depth}
                  end
                end)
              (func (export "run") (result i32)
                try (result i32)
                  call $nested
                  unreachable
                catch $a
                  i32.const 10
                  i32.add
                catch $b
                  i32.const 20
                  i32.add
                end))"#
        )
    };
    check(&module(0), 22);
    check(&module(1), 11);
}

#[test]
fn delegate_passes_handlers_by() {
    let module = |label: u32| {
        format!(
            r#"(module (tag $e)
              (func $inner
                try
                  try
                    try
                      throw $e
                    delegate {label}
                  catch_all
                    i32.const 1
                    global.set $by
                  end
                catch_all
                  i32.const 2
                  global.set $by
                end)
              (global $by (mut i32) (i32.const 0))
              (func (export "run") (result i32)
                try
                  call $inner
                catch_all
                  i32.const 3
                  global.set $by
                end
                global.get $by))"#
        )
    };
    check(&module(0), 1);
    check(&module(1), 2);
    // The function's own label: to the caller.
    check(&module(2), 3);
}

#[test]
fn handler_does_not_guard_itself() {
    check(
        r#"(module (tag $e (param i32))
          (func (export "run") (result i32)
            try (result i32)
              try (result i32)
                i32.const 1
                throw $e
              catch $e
                i32.const 4
                i32.add
                throw $e
              catch_all
                i32.const 100
              end
            catch $e
              i32.const 30
              i32.add
            end))"#,
        35,
    );
}

/// More values than there are registers live across what throws, in the function that catches.
#[test]
fn values_outlive_the_throw() {
    let thrown = |body: &str| {
        let (mut before, mut after) = (String::new(), String::new());
        for position in 0..24 {
            let number = position + 3;
            write!(
                before,
                "(local $i{position} i64) (local $f{position} f64) (local $v{position} v128)"
            )
            .unwrap();
            write!(
                after,
                "(local.set $i{position} (i64.mul (local.get $x) (i64.const {number})))
                 (local.set $f{position}
                   (f64.mul (f64.convert_i64_s (local.get $x)) (f64.const {number})))
                 (local.set $v{position} (i64x2.splat (local.get $i{position})))"
            )
            .unwrap();
        }
        let mut sum = String::new();
        for position in 0..24 {
            write!(
                sum,
                "(local.set $x (i64.add (local.get $x) (i64.add (local.get $i{position})
                   (i64.add (i64.trunc_f64_s (local.get $f{position}))
                     (i64x2.extract_lane 1 (local.get $v{position}))))))"
            )
            .unwrap();
        }
        format!(
            r#"(module (tag $e (param i64))
              (func $throw (param i64) {before} (local $x i64)
                (local.set $x (i64.const -77)) {after} {sum}
                (throw $e (i64.add (local.get 0) (i64.and (local.get $x) (i64.const 0)))))
              (func (export "run") (param $x i64) (result i64) {before}
                {after}
                {body}
                (local.set $x (i64.const 0))
                {sum}
                (local.get $x)))"#
        )
    };
    let bodies = [
        "(drop (block $c (result i64) (try_table (catch $e $c) (throw $e (i64.const 5)))
           unreachable))",
        "(drop (block $c (result i64)
           (try_table (catch $e $c) (call $throw (i64.const 5))) unreachable))",
        "try i64.const 5 throw $e catch $e drop end",
        "try i64.const 5 call $throw catch_all end",
        "try try i64.const 5 call $throw catch $e drop rethrow 0 end catch $e drop end",
        "(block $c (block $d (result exnref)
           (try_table (catch_all_ref $d) (call $throw (i64.const 5))) unreachable)
           (try_table (param exnref) (catch_all $c) throw_ref) unreachable)",
    ];
    // 3 + 4 + … + 26, of which there are three each.
    let sum: i64 = (3..27).sum::<i64>() * 3;
    for body in bodies {
        let mut fixture = Fixture::new();
        let id = fixture.load("main", Placement::Private, &thrown(body));
        for x in [1, -5, 1 << 40] {
            let values = fixture.call(id, "run", &[Value::I64(x)]).unwrap();
            assert_eq!(values, [Value::I64(x * sum)], "{body}");
        }
    }
}

/// A tail call leaves the handlers of its function behind, in both encodings.
#[test]
fn tail_call_leaves_try() {
    for body in [
        "(block $c (try_table (catch_all $c) (return_call $throw))) (i32.const 1)",
        "(block $c (try_table (catch_all $c)
           (return_call_indirect (result i32) (i32.const 0)))) (i32.const 1)",
        "try return_call $throw catch_all end i32.const 1",
    ] {
        let text = format!(
            r#"(module (tag $e) (table 1 funcref) (elem (i32.const 0) $throw)
              (func $throw (result i32) (throw $e))
              (func $tail (result i32) {body})
              (func (export "run") (result i32)
                (block $c (try_table (result i32) (catch_all $c) (call $tail)) (return))
                (i32.const 2)))"#
        );
        check(&text, 2);
    }
}

/// A tail call out of a handler, again and again, does not use up the stack.
#[test]
fn tail_calls_from_handlers_take_no_stack() {
    check(
        r#"(module (tag $e (param i32))
          (func $count (param $left i32) (result i32)
            (block $c (result i32)
              (try_table (catch $e $c) (throw $e (i32.sub (local.get $left) (i32.const 1))))
              unreachable)
            (local.set $left)
            (if (i32.eqz (local.get $left)) (then (return (i32.const 9))))
            (return_call $count (local.get $left)))
          (func (export "run") (result i32) (call $count (i32.const 100_000))))"#,
        9,
    );
}

#[test]
fn tag_is_its_instance_s_own() {
    let mut fixture = Fixture::new();
    let text = r#"(module (tag $e) (func (export "throw") (throw $e)))"#;
    let first = fixture.load("first", Placement::Private, text);
    let second = fixture.load("second", Placement::Private, text);
    let mut tag = |id| match fixture.call(id, "throw", &[]) {
        Err(Stop::Exception { handle, .. }) => fixture.process.exception(handle).unwrap().0,
        other => panic!("expected an exception, found {other:?}"),
    };
    assert_ne!(tag(first), tag(second));
    assert_eq!(tag(first), tag(first));
}
