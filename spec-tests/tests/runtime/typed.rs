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
