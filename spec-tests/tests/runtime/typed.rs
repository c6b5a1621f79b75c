//! Typed functions: what they take and give, and what they refuse.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use dynvm_vm::code::TrapCode;
use dynvm_vm::{HostFunction, Placement, Process, Stop, Trap};

use crate::fixture::{Fixture, i32s, trap};

const ADDER: &str = r#"(module
  (func (export "inc") (param i32) (result i32) (i32.add (local.get 0) (i32.const 1)))
  (func (export "swap") (param i64 f32 f64 v128) (result v128 f64 f32 i64)
    (local.get 3) (local.get 2) (local.get 1) (local.get 0))
  (func (export "fail") unreachable))"#;

#[test]
fn values_of_every_type_go_in_and_come_out() {
    let mut fixture = Fixture::new();
    let id = fixture.load("main", Placement::Private, ADDER);
    let (inc, swap) = (fixture.func(id, "inc"), fixture.func(id, "swap"));
    let process = &mut fixture.process;
    let inc = process.get_typed::<(i32,), i32>(inc).unwrap();
    assert_eq!(inc.call(process, (-1,)).unwrap(), 0);
    assert_eq!(inc.call(process, (i32::MAX,)).unwrap(), i32::MIN);
    type Four = (u128, f64, f32, u64);
    let swap = process.get_typed::<(u64, f32, f64, u128), Four>(swap).unwrap();
    let given = (u64::MAX, 1.5, -2.25, 7 | 9 << 64);
    assert_eq!(swap.call(process, given).unwrap(), (7 | 9 << 64, -2.25, 1.5, u64::MAX));
}

#[test]
fn another_type_is_refused() {
    let mut fixture = Fixture::new();
    let id = fixture.load("main", Placement::Private, ADDER);
    let inc = fixture.func(id, "inc");
    let refused = fixture.process.get_typed::<(i64,), i32>(inc).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "`main!inc`: expected type (i64) -> (i32), found (i32) -> (i32)"
    );
    let none = dynvm_vm::context::FuncId::NULL;
    let refused = fixture.process.get_typed::<(), ()>(none).unwrap_err();
    assert_eq!(refused.to_string(), "`function 0`: expected type () -> (), found no function");
}

#[test]
fn a_trap_ends_the_call_and_the_next_one_works() {
    let mut fixture = Fixture::new();
    let id = fixture.load("main", Placement::Private, ADDER);
    let (inc, fail) = (fixture.func(id, "inc"), fixture.func(id, "fail"));
    let process = &mut fixture.process;
    let fail = process.get_typed::<(), ()>(fail).unwrap();
    let inc = process.get_typed::<(i32,), i32>(inc).unwrap();
    let found = trap(fail.call(process, ()).map(|()| Vec::new()));
    assert_eq!(found.code, TrapCode::Unreachable);
    assert_eq!(found.backtrace[0].to_string(), "main!fail+0x1");
    assert_eq!(inc.call(process, (41,)).unwrap(), 42);
}

#[test]
fn an_interruption_before_the_call_ends_it() {
    let mut fixture = Fixture::new();
    let id = fixture.load("main", Placement::Private, ADDER);
    let inc = fixture.func(id, "inc");
    let process = &mut fixture.process;
    let inc = process.get_typed::<(i32,), i32>(inc).unwrap();
    process.interrupter().interrupt();
    let found = trap(inc.call(process, (1,)).map(|_| Vec::new()));
    assert_eq!(found.code, TrapCode::Interrupted);
    assert_eq!(inc.call(process, (1,)).unwrap(), 2);
}

#[test]
fn a_function_that_was_unloaded_traps() {
    let mut fixture = Fixture::new();
    let id = fixture.load("main", Placement::Private, ADDER);
    let inc = fixture.func(id, "inc");
    let typed = fixture.process.get_typed::<(i32,), i32>(inc).unwrap();
    fixture.process.discard(id);
    let found = trap(typed.call(&mut fixture.process, (1,)).map(|_| Vec::new()));
    assert_eq!(found.code, TrapCode::UndefinedSymbol);
    assert_eq!(found.detail.unwrap(), "call of `main!inc`, which was unloaded");
}

#[test]
fn host_functions_may_enter_wasm_again() {
    let mut fixture = Fixture::new();
    let adder = fixture.load("adder", Placement::Private, ADDER);
    let inc = fixture.func(adder, "inc");
    let inc = fixture.process.get_typed::<(i32,), i32>(inc).unwrap();
    fixture.host("twice", i32s(1, 1), move |process, values| {
        let once = inc.call(process, (values[0].i32(),))?;
        values[0] = inc.call(process, (once,))?.into();
        Ok::<(), Stop>(())
    });
    let main = r#"(module (import "host" "twice" (func $twice (param i32) (result i32)))
      (func (export "run") (param i32) (result i32) (call $twice (call $twice (local.get 0)))))"#;
    let id = fixture.load("main", Placement::Private, main);
    let run = fixture.func(id, "run");
    let run = fixture.process.get_typed::<(i32,), i32>(run).unwrap();
    assert_eq!(run.call(&mut fixture.process, (0,)).unwrap(), 4);
}

/// A typed host function.
fn host<P, R>(
    fixture: &mut Fixture,
    name: &'static str,
    function: impl dynvm_vm::IntoHostFunction<P, R>,
) {
    let function = HostFunction::typed(name, function);
    let func = fixture.process.add_host_function(function).unwrap();
    fixture.host.push((name, func));
}

#[test]
fn host_functions_of_numbers_have_them_in_registers() {
    let mut fixture = Fixture::new();
    host(&mut fixture, "mix", |_: &mut Process, a: i32, b: i64, c: f32, d: f64, e: u32, g: u64| {
        Ok(f64::from(a) + b as f64 + f64::from(c) + d + f64::from(e) + g as f64)
    });
    host(&mut fixture, "less", |_: &mut Process, value: i32| Ok(value.wrapping_sub(1)));
    host(&mut fixture, "answer", |_: &mut Process| Ok(0.5_f32));
    let seen = Arc::new(AtomicU64::new(0));
    let sink = Arc::clone(&seen);
    host(&mut fixture, "see", move |_: &mut Process, value: u64| {
        sink.store(value, Ordering::Relaxed);
        Ok(())
    });
    let text = r#"(module
      (import "host" "mix" (func $mix (param i32 i64 f32 f64 i32 i64) (result f64)))
      (import "host" "less" (func $less (param i32) (result i32)))
      (import "host" "answer" (func $answer (result f32)))
      (import "host" "see" (func $see (param i64)))
      (func (export "run") (result f64)
        (call $see (i64.const -2))
        (f64.add (f64.promote_f32 (call $answer))
          (f64.add (f64.convert_i32_s (call $less (i32.const 0)))
            (call $mix (i32.const -1) (i64.const 1000) (f32.const 0.25) (f64.const 0.125)
              (i32.const 0xffff_ffff) (i64.const 0x1_0000_0000)))))
      (func (export "less") (param i32) (result i32) (return_call $less (local.get 0))))"#;
    let id = fixture.load("main", Placement::Private, text);
    let (run, less) = (fixture.func(id, "run"), fixture.func(id, "less"));
    let process = &mut fixture.process;
    let expected = 0.5 - 1.0 - 1.0 + 1000.0 + 0.25 + 0.125 + 4_294_967_295.0 + 4_294_967_296.0;
    let run = process.get_typed::<(), f64>(run).unwrap();
    assert_eq!(run.call(process, ()).unwrap(), expected);
    assert_eq!(seen.load(Ordering::Relaxed), u64::MAX - 1);
    let less = process.get_typed::<(i32,), i32>(less).unwrap();
    assert_eq!(less.call(process, (i32::MIN,)).unwrap(), i32::MAX);
    // The host calls its own function, too.
    let host_less = process.get_typed::<(i32,), i32>(fixture.host[1].1).unwrap();
    assert_eq!(host_less.call(process, (8,)).unwrap(), 7);
}

#[test]
fn typed_host_functions_stop_as_others_do() {
    let mut fixture = Fixture::new();
    host(&mut fixture, "stop", |_: &mut Process, how: i32| match how {
        0 => Err::<i32, _>(Trap::new(TrapCode::Host, "no luck".to_owned()).into()),
        1 => Err(Stop::Exit(7)),
        2 => panic!("a mistake of the host's"),
        _ => Ok(how),
    });
    let text = r#"(module (import "host" "stop" (func $stop (param i32) (result i32)))
      (func (export "run") (param i32) (result i32) (call $stop (local.get 0)))
      (func $deep (export "deep") (param i32) (result i32)
        (drop (call $stop (i32.const 3))) (i32.add (call $deep (local.get 0)) (i32.const 1))))"#;
    let id = fixture.load("main", Placement::Private, text);
    let (run, deep) = (fixture.func(id, "run"), fixture.func(id, "deep"));
    let process = &mut fixture.process;
    let run = process.get_typed::<(i32,), i32>(run).unwrap();
    let found = trap(run.call(process, (0,)).map(|_| Vec::new()));
    assert_eq!((found.code, found.detail.as_deref()), (TrapCode::Host, Some("no luck")));
    let frames: Vec<_> = found.backtrace.iter().map(ToString::to_string).collect();
    assert_eq!(frames, ["main!run+0x3"]);
    assert!(matches!(run.call(process, (1,)), Err(Stop::Exit(7))));
    let panicked = catch_unwind(AssertUnwindSafe(|| run.call(process, (2,))));
    assert_eq!(panicked.unwrap_err().downcast_ref(), Some(&"a mistake of the host's"));
    let deep = process.get_typed::<(i32,), i32>(deep).unwrap();
    let found = trap(deep.call(process, (0,)).map(|_| Vec::new()));
    assert_eq!(found.code, TrapCode::StackOverflow);
    assert_eq!(run.call(process, (41,)).unwrap(), 41);
}

#[test]
fn every_register_has_its_value() {
    let mut fixture = Fixture::new();
    let text = r#"(module
      (func (export "ints") (param i32 i64 i32 i64 i32 i64) (result i64)
        (i64.add (i64.add (i64.add (i64.extend_i32_s (local.get 0))
            (i64.mul (local.get 1) (i64.const 10)))
          (i64.add (i64.mul (i64.extend_i32_s (local.get 2)) (i64.const 100))
            (i64.mul (local.get 3) (i64.const 1000))))
        (i64.add (i64.mul (i64.extend_i32_s (local.get 4)) (i64.const 10000))
          (i64.mul (local.get 5) (i64.const 100000)))))
      (func (export "floats") (param f64 f32 f64 f32 f64 f64 f64 f32)
        (result f32 f64 f64 f64 f32 f64 f32 f64)
        (local.get 7) (local.get 6) (local.get 5) (local.get 4)
        (local.get 3) (local.get 2) (local.get 1) (local.get 0))
      (func (export "mixed") (param i32 f32 i64 v128 i32 f64 i64 f32)
        (result f32 i64 f64 i32 v128 i64 f32 i32)
        (local.get 7) (local.get 6) (local.get 5) (local.get 4)
        (local.get 3) (local.get 2) (local.get 1) (local.get 0))
      (func (export "many") (param i32 i32 i32 i32 i32 i64 i32 i64)
        (result i64 i32 i64 i32 i32 i32 i32 i32)
        (local.get 7) (local.get 6) (local.get 5) (local.get 4)
        (local.get 3) (local.get 2) (local.get 1) (local.get 0)))"#;
    let id = fixture.load("main", Placement::Private, text);
    let [ints, floats, mixed, many] =
        ["ints", "floats", "mixed", "many"].map(|name| fixture.func(id, name));
    let process = &mut fixture.process;

    let ints = process.get_typed::<(i32, i64, i32, i64, i32, i64), i64>(ints).unwrap();
    assert_eq!(ints.call(process, (-1, 2, -3, 4, -5, 6)).unwrap(), 553_719);

    type Floats = (f64, f32, f64, f32, f64, f64, f64, f32);
    type Taolf = (f32, f64, f64, f64, f32, f64, f32, f64);
    let floats = process.get_typed::<Floats, Taolf>(floats).unwrap();
    let given = (0.5, 1.5, 2.5, 3.5, 4.5, 5.5, 6.5, 7.5);
    let expected = (7.5, 6.5, 5.5, 4.5, 3.5, 2.5, 1.5, 0.5);
    assert_eq!(floats.call(process, given).unwrap(), expected);

    type Mixed = (i32, f32, i64, u128, u32, f64, u64, f32);
    type Dexim = (f32, u64, f64, u32, u128, i64, f32, i32);
    let mixed = process.get_typed::<Mixed, Dexim>(mixed).unwrap();
    let vector = 0x0102_0304_0506_0708_090a_0b0c_0d0e_0f10;
    let given = (-1, -1.5, i64::MIN, vector, u32::MAX, f64::MAX, u64::MAX, f32::MIN);
    let expected = (f32::MIN, u64::MAX, f64::MAX, u32::MAX, vector, i64::MIN, -1.5, -1);
    assert_eq!(mixed.call(process, given).unwrap(), expected);

    // More integers than registers for them.
    type Many = (i32, i32, i32, i32, i32, i64, i32, i64);
    type Ynam = (i64, i32, i64, i32, i32, i32, i32, i32);
    let many = process.get_typed::<Many, Ynam>(many).unwrap();
    let (given, expected) = ((1, 2, 3, 4, 5, 6, 7, 8), (8, 7, 6, 5, 4, 3, 2, 1));
    assert_eq!(many.call(process, given).unwrap(), expected);
}

/// A fixture whose host function `again`, called with `n`, calls `inner` of the same module with
/// `n`, and passes on what happens.
fn nested(text: &str) -> (Fixture, dynvm_vm::instance::InstanceId) {
    type Inner = dynvm_vm::TypedFunc<(i32,), i32>;
    let inner = Arc::<std::sync::OnceLock<Inner>>::default();
    let mut fixture = Fixture::new();
    let called = Arc::clone(&inner);
    host(&mut fixture, "again", move |process: &mut Process, value: i32| {
        called.get().unwrap().call(process, (value,))
    });
    host(&mut fixture, "fail", |_: &mut Process, value: i32| match value {
        0 => panic!("a mistake of the host's"),
        value => Ok(value),
    });
    let id = fixture.load("main", Placement::Private, text);
    let func = fixture.func(id, "inner");
    let func = fixture.process.get_typed(func).unwrap();
    inner.set(func).unwrap();
    (fixture, id)
}

const NESTED: &str = r#"(module
  (import "host" "again" (func $again (param i32) (result i32)))
  (import "host" "fail" (func $fail (param i32) (result i32)))
  (tag $e (param i32)) (memory 1)
  (func $deep (param i32) (result i32) (i32.add (call $deep (local.get 0)) (i32.const 1)))
  (func (export "inner") (param i32) (result i32)
    (block $other (block $fail (block $throw (block $deep (block $out (block $again
      (br_table $again $out $deep $throw $fail $other (local.get 0)))
      (return (i32.const 7)))
      (return (i32.load (i32.const -4))))
      (return (call $deep (local.get 0))))
      (throw $e (i32.const 5)))
      (return (call $fail (i32.const 0))))
    (call $again (i32.sub (local.get 0) (i32.const 5))))
  (func (export "run") (param i32) (result i32)
    (i32.add (call $again (local.get 0)) (i32.const 100)))
  (func (export "catch") (param i32) (result i32)
    (block $caught (result i32)
      (try_table (catch $e $caught) (drop (call $again (local.get 0))))
      unreachable)))"#;

#[test]
fn an_inner_entry_ends_in_every_way_and_the_outer_one_goes_on() {
    let (mut fixture, id) = nested(NESTED);
    let (run, catch) = (fixture.func(id, "run"), fixture.func(id, "catch"));
    let process = &mut fixture.process;
    let run = process.get_typed::<(i32,), i32>(run).unwrap();
    let catch = process.get_typed::<(i32,), i32>(catch).unwrap();
    // Each way once in an entry inside one, and once in an entry inside that.
    for (how, frames) in [(0, ["main!inner"; 2]), (5, ["main!inner"; 2])] {
        assert_eq!(run.call(process, (how,)).unwrap(), 107);

        let found = trap(run.call(process, (how + 1,)).map(|_| Vec::new()));
        assert_eq!(found.code, TrapCode::MemoryOutOfBounds);
        let names: Vec<_> =
            found.backtrace.iter().map(|at| format!("{}!{}", at.dso, at.function)).collect();
        assert_eq!(names[..names.len() - 1], frames[..if how == 0 { 1 } else { 2 }]);
        assert_eq!(names.last().map(String::as_str), Some("main!run"));

        let found = trap(run.call(process, (how + 2,)).map(|_| Vec::new()));
        assert_eq!(found.code, TrapCode::StackOverflow);

        assert_eq!(catch.call(process, (how + 3,)).unwrap(), 5);
        let uncaught = run.call(process, (how + 3,)).unwrap_err();
        let Stop::Exception { handle, .. } = uncaught else { panic!("{uncaught}") };
        process.release_exception(handle);

        let panicked = catch_unwind(AssertUnwindSafe(|| run.call(process, (how + 4,))));
        assert_eq!(panicked.unwrap_err().downcast_ref(), Some(&"a mistake of the host's"));
        assert_eq!(run.call(process, (how,)).unwrap(), 107);
    }
}

#[test]
fn an_interruption_ends_a_call_that_is_under_way() {
    let mut fixture = Fixture::new();
    let calls = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&calls);
    host(&mut fixture, "count", move |_: &mut Process| {
        count.fetch_add(1, Ordering::Relaxed);
        Ok(())
    });
    let text = r#"(module (import "host" "count" (func $count))
      (func (export "spin") (loop $again (call $count) (br $again))))"#;
    let id = fixture.load("main", Placement::Private, text);
    let spin = fixture.func(id, "spin");
    let process = &mut fixture.process;
    let spin = process.get_typed::<(), ()>(spin).unwrap();
    // Often enough to meet each part of the way out to the host. Wherever it is, the caller is named.
    for _ in 0..100 {
        let interrupter = process.interrupter();
        let (seen, calls) = (calls.load(Ordering::Relaxed), Arc::clone(&calls));
        let asker = std::thread::spawn(move || {
            while calls.load(Ordering::Relaxed) == seen {
                std::thread::yield_now();
            }
            interrupter.interrupt();
            while interrupter.is_pending() {
                interrupter.remind();
                std::thread::yield_now();
            }
        });
        let found = trap(spin.call(process, ()).map(|()| Vec::new()));
        asker.join().unwrap();
        assert_eq!(found.code, TrapCode::Interrupted);
        let names: Vec<_> = found.backtrace.iter().map(|at| at.function.as_str()).collect();
        assert_eq!(names, ["spin"]);
    }
}

#[test]
fn a_process_inside_another_ones_host_function_has_its_own_faults() {
    let mut inner = Fixture::new();
    let id = inner.load("inner", Placement::Private, ADDER);
    let (inc, fail) = (inner.func(id, "inc"), inner.func(id, "fail"));
    let inc = inner.process.get_typed::<(i32,), i32>(inc).unwrap();
    let fail = inner.process.get_typed::<(), ()>(fail).unwrap();
    let inner = std::sync::Mutex::new(inner.process);
    let mut outer = Fixture::new();
    host(&mut outer, "inner", move |_: &mut Process, value: i32| {
        let mut process = inner.lock().unwrap();
        let found = trap(fail.call(&mut process, ()).map(|()| Vec::new()));
        assert_eq!(found.backtrace[0].to_string(), "inner!fail+0x1");
        inc.call(&mut process, (value,))
    });
    let text = r#"(module (import "host" "inner" (func $inner (param i32) (result i32)))
      (func (export "run") (param i32) (result i32)
        (if (i32.eqz (call $inner (local.get 0))) (then unreachable)) (call $inner (i32.const 8))))"#;
    let id = outer.load("outer", Placement::Private, text);
    let run = outer.func(id, "run");
    let run = outer.process.get_typed::<(i32,), i32>(run).unwrap();
    assert_eq!(run.call(&mut outer.process, (1,)).unwrap(), 9);
    let found = trap(run.call(&mut outer.process, (-1,)).map(|_| Vec::new()));
    assert_eq!(found.code, TrapCode::Unreachable);
    assert_eq!(found.backtrace[0].function, "run");
    assert_eq!(run.call(&mut outer.process, (1,)).unwrap(), 9);
}

#[test]
fn a_process_goes_to_another_thread() {
    let mut fixture = Fixture::new();
    let id = fixture.load("main", Placement::Private, ADDER);
    let (inc, fail) = (fixture.func(id, "inc"), fixture.func(id, "fail"));
    let mut process = fixture.process;
    let fail = process.get_typed::<(), ()>(fail).unwrap();
    let inc = process.get_typed::<(i32,), i32>(inc).unwrap();
    for round in 0..3 {
        process = std::thread::spawn(move || {
            assert_eq!(
                trap(fail.call(&mut process, ()).map(|()| Vec::new())).code,
                TrapCode::Unreachable
            );
            assert_eq!(inc.call(&mut process, (round,)).unwrap(), round + 1);
            process
        })
        .join()
        .unwrap();
        assert_eq!(inc.call(&mut process, (round,)).unwrap(), round + 1);
    }
}

#[test]
fn host_functions_with_more_integers_than_registers_get_them() {
    let mut fixture = Fixture::new();
    host(
        &mut fixture,
        "four",
        |_: &mut Process, a: i32, b: f64, c: i64, d: i32, e: f32, f: i64| {
            Ok(i64::from(a)
                + b as i64 * 10
                + c * 100
                + i64::from(d) * 1000
                + e as i64 * 10000
                + f * 100_000)
        },
    );
    host(&mut fixture, "five", |_: &mut Process, a: i32, b: i32, c: i64, d: i32, e: i32| {
        Ok(f64::from(a)
            + f64::from(b) * 10.0
            + c as f64 * 100.0
            + f64::from(d) * 1e3
            + f64::from(e) * 1e4)
    });
    let text = r#"(module
      (import "host" "four" (func $four (param i32 f64 i64 i32 f32 i64) (result i64)))
      (import "host" "five" (func $five (param i32 i32 i64 i32 i32) (result f64)))
      (func (export "four") (result i64) (call $four (i32.const 1) (f64.const 2) (i64.const 3)
        (i32.const 4) (f32.const 5) (i64.const 6)))
      (func (export "five") (result f64) (call $five (i32.const 1) (i32.const 2) (i64.const 3)
        (i32.const 4) (i32.const 5))))"#;
    let id = fixture.load("main", Placement::Private, text);
    let (four, five) = (fixture.func(id, "four"), fixture.func(id, "five"));
    let process = &mut fixture.process;
    let four = process.get_typed::<(), i64>(four).unwrap();
    assert_eq!(four.call(process, ()).unwrap(), 654_321);
    let five = process.get_typed::<(), f64>(five).unwrap();
    assert_eq!(five.call(process, ()).unwrap(), 54_321.0);
}

#[test]
fn another_thread_cannot_enter_while_wasm_waits_for_the_host() {
    let mut fixture = Fixture::new();
    let id = fixture.load("adder", Placement::Private, ADDER);
    let inc = fixture.func(id, "inc");
    let inc = fixture.process.get_typed::<(i32,), i32>(inc).unwrap();
    host(&mut fixture, "away", move |process: &mut Process, value: i32| {
        std::thread::scope(|scope| scope.spawn(|| inc.call(process, (value,))).join().unwrap())
    });
    let text = r#"(module (import "host" "away" (func $away (param i32) (result i32)))
      (func (export "run") (param i32) (result i32) (call $away (local.get 0))))"#;
    let id = fixture.load("main", Placement::Private, text);
    let run = fixture.func(id, "run");
    let process = &mut fixture.process;
    let run = process.get_typed::<(i32,), i32>(run).unwrap();
    let found = trap(run.call(process, (1,)).map(|_| Vec::new()));
    let detail = "wasm is entered by another thread than the one that it called the host on";
    assert_eq!((found.code, found.detail.as_deref()), (TrapCode::Host, Some(detail)));
    assert_eq!(inc.call(process, (1,)).unwrap(), 2);
}
