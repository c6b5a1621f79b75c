//! Typed functions: what they take and give, and what they refuse.

use dynvm_vm::code::TrapCode;
use dynvm_vm::{Placement, Stop};

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
    assert_eq!(found.detail.unwrap(), format!("function {} was unloaded", inc.0));
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
