//! What inlining must not change: results, traps and who is named in them, exceptions.

use dynvm_jit::Unit;
use dynvm_vm::code::TrapCode;
use dynvm_vm::instance::{Extern, InstanceId};
use dynvm_vm::module::Entity;
use dynvm_vm::value::Value;
use dynvm_vm::{Placement, Process};

use crate::fixture::{Fixture, trap, wast_binary};

/// A library, and a main that imports all functions of it.
fn load(library: &str, main: &str) -> (Fixture, InstanceId, InstanceId) {
    let mut fixture = Fixture::new();
    let library = fixture.load("lib", Placement::Private, library);
    let exports = fixture.process.instance(library).module.exports.clone();
    for export in exports {
        if let Entity::Func(_) = export.entity {
            let func = fixture.func(library, &export.name);
            fixture.host.push((String::leak(export.name.to_string()), func));
        }
    }
    let main = fixture.load("main", Placement::Private, main);
    (fixture, library, main)
}

/// How many calls were inlined into the functions of an instance.
fn inlined_calls(fixture: &Fixture, id: InstanceId) -> u32 {
    let process = &fixture.process;
    let code = fixture.compiler.compile(&Unit::new(process, id)).unwrap();
    code.iter().map(|code| code.inlined_calls).sum()
}

#[test]
fn control_flow_of_an_inlined_body_ends_behind_the_call() {
    let library = r#"(module
      (func (export "pick") (param i32) (result i32)
        (block $b (block $a (br_table $a $b 2 (local.get 0))) (return (i32.const 10)))
        (br_if 0 (i32.const 20) (i32.eq (local.get 0) (i32.const 1)))
        drop (i32.const 30))
      (func (export "zeroed") (param i32) (result i32) (local i32)
        (if (local.get 0) (then (local.set 1 (i32.const 7)))) (local.get 1)))"#;
    let main = r#"(module
      (import "lib" "pick" (func $pick (param i32) (result i32)))
      (import "lib" "zeroed" (func $zeroed (param i32) (result i32)))
      (func (export "pick") (param i32) (result i32)
        (i32.add (i32.const 100) (call $pick (local.get 0))))
      (func (export "zeroed") (param i32) (result i32) (local i32)
        (loop $l
          (local.set 1 (i32.add (i32.mul (local.get 1) (i32.const 10)) (call $zeroed (local.get 0))))
          (br_if $l (i32.ge_s (local.tee 0 (i32.sub (local.get 0) (i32.const 1))) (i32.const 0))))
        (local.get 1)))"#;
    // `br 2` leaves the function, which needs a value there.
    let library = library.replace("$b 2 (local", "$b $b (local");
    let (mut fixture, _, main) = load(&library, main);
    assert_eq!(inlined_calls(&fixture, main), 2);
    for (given, expected) in [(0, 110), (1, 120), (2, 130), (9, 130)] {
        let found = fixture.call(main, "pick", &[Value::I32(given)]).unwrap();
        assert_eq!(found, [Value::I32(expected)], "pick({given})");
    }
    // A local is zero at each call, whatever the one before left in it.
    assert_eq!(fixture.call(main, "zeroed", &[Value::I32(2)]).unwrap(), [Value::I32(770)]);
}

#[test]
fn a_trap_in_an_inlined_body_names_every_function() {
    let library = r#"(module (memory 1)
      (func $load (param i32) (result i32) (i32.load (local.get 0)))
      (func (export "load_next") (param i32) (result i32)
        (call $load (i32.add (local.get 0) (i32.const 1)))))"#;
    let main = r#"(module
      (import "lib" "load_next" (func $load_next (param i32) (result i32)))
      (func $middle (param i32) (result i32) (call $load_next (local.get 0)))
      (func (export "run") (param i32) (result i32) (nop) (call $middle (local.get 0))))"#;
    let (mut fixture, _, main) = load(library, main);
    assert!(inlined_calls(&fixture, main) >= 2);
    let found = trap(fixture.call(main, "run", &[Value::I32(-2)]));
    assert_eq!(found.code, TrapCode::MemoryOutOfBounds);
    let frames: Vec<String> = found.backtrace.iter().map(ToString::to_string).collect();
    let expected = ["lib!load+0x3", "lib!load_next+0x6", "main!middle+0x3", "main!run+0x4"];
    assert_eq!(frames, expected);
}

#[test]
fn a_trap_is_named_where_it_was_written_whatever_became_of_it() {
    let library = r#"(module (memory 1)
      (func (export "get") (param i32) (result i32) (i32.load (local.get 0)))
      (func (export "set") (param i32 i32) (i32.store (local.get 0) (local.get 1)))
      (func (export "fail") (unreachable)))"#;
    let main = r#"(module
      (import "lib" "get" (func $get (param i32) (result i32)))
      (import "lib" "set" (func $set (param i32 i32)))
      (import "lib" "fail" (func $fail))
      (func (export "add") (param i32) (result i32)
        (i32.add (local.get 0) (call $get (local.get 0))))
      (func (export "add_to") (param i32)
        (call $set (local.get 0) (i32.add (call $get (local.get 0)) (i32.const 1))))
      (func (export "divide") (param i32) (result i32)
        (i32.div_u (i32.const 7) (call $get (local.get 0))))
      (func (export "check") (param i32)
        (if (i32.eqz (call $get (local.get 0))) (then (call $fail))))
      (func (export "branch") (param i32) (result i32)
        (if (result i32) (i32.lt_u (call $get (local.get 0)) (i32.const 9))
          (then (i32.const 1)) (else (i32.const 2)))))"#;
    let (mut fixture, _, main) = load(library, main);
    let mut check = |function: &str, argument: i32, code: TrapCode, expected: &[&str]| {
        let found = trap(fixture.call(main, function, &[Value::I32(argument)]));
        assert_eq!(found.code, code, "{function}({argument})");
        let frames: Vec<String> = found.backtrace.iter().map(ToString::to_string).collect();
        assert_eq!(frames, expected, "{function}({argument})");
    };
    let outside = TrapCode::MemoryOutOfBounds;
    check("add", -1, outside, &["lib!get+0x3", "main!add+0x5"]);
    check("add_to", -1, outside, &["lib!get+0x3", "main!add_to+0x5"]);
    check("divide", -1, outside, &["lib!get+0x3", "main!divide+0x5"]);
    check("check", -1, outside, &["lib!get+0x3", "main!check+0x3"]);
    check("branch", -1, outside, &["lib!get+0x3", "main!branch+0x3"]);
    // What the load went into traps by itself too.
    check("divide", 0, TrapCode::IntegerDivideByZero, &["main!divide+0x7"]);
    check("check", 0, TrapCode::Unreachable, &["lib!fail+0x1", "main!check+0x8"]);
}

#[test]
fn an_exception_out_of_an_inlined_body_finds_the_callers_handler() {
    let main = r#"(module (tag $t (param i32))
      (func $throw (param i32) (throw $t (local.get 0)))
      (func $wrapper (param i32) (call $throw (local.get 0)))
      (func (export "run") (param i32) (result i32)
        (block $h (result i32)
          (try_table (catch $t $h) (call $wrapper (local.get 0)))
          (i32.const -1))))"#;
    let (mut fixture, _, main) = load("(module)", main);
    assert_eq!(inlined_calls(&fixture, main), 1, "the wrapper, and not the function that throws");
    assert_eq!(fixture.call(main, "run", &[Value::I32(5)]).unwrap(), [Value::I32(5)]);
}

#[test]
fn what_may_still_be_bound_to_another_function_stays_a_call() {
    let library = r#"(module (func (export "one") (result i32) (i32.const 1)))"#;
    let main = r#"(module (import "lib" "one" (func $one (result i32)))
      (func (export "run") (result i32) (call $one)))"#;
    let (mut fixture, library, id) = load(library, main);
    assert_eq!(inlined_calls(&fixture, id), 1);

    let module = std::sync::Arc::new(dynvm_jit::decode(wast_binary(main)).unwrap());
    let mut callee = Process::callee(fixture.func(library, "one"));
    callee.is_preemptible = true;
    let id = fixture.process.declare("late", module, Placement::Private).unwrap();
    fixture.process.bind(id, &[Extern::Func(callee)]).unwrap();
    assert_eq!(inlined_calls(&fixture, id), 0);
}

#[test]
fn inlining_is_bounded() {
    // Each calls the next twice: whole, the last would stand 2^20 times in the first.
    let functions =
        (0..20).map(|k| format!("(func $f{k} (call $f{n}) (call $f{n}) (call $f{n}))", n = k + 1));
    let text = format!(
        r#"(module (memory 1) {} (func $f20 (i32.store (i32.const 0) (i32.const 1)))
          (func (export "run") (call $f17)))"#,
        functions.collect::<String>()
    );
    let (mut fixture, _, main) = load("(module)", &text);
    let process = &fixture.process;
    let code = fixture.compiler.compile(&Unit::new(process, main)).unwrap();
    assert!(code.iter().all(|code| code.bytes.len() < 8192));
    assert!(inlined_calls(&fixture, main) > 20);
    assert_eq!(fixture.call(main, "run", &[]).unwrap(), []);
}

/// A body that is no more code than its call is inlined however many others were.
#[test]
fn what_is_as_small_as_a_call_is_always_inlined() {
    let calls = "(local.set 0 (call $f (local.get 0)))".repeat(1000);
    for (body, expected) in [
        ("(i32.add (local.get 0) (i32.const 1))", 1000..1001),
        // Longer than a call: as many as the bytes of `run` allow.
        (&*format!("(local.get 0){}", "(i32.add (i32.const 99))".repeat(7)), 100..999),
    ] {
        let text = format!(
            r#"(module (func $f (param i32) (result i32) {body})
              (func (export "run") (param i32) (result i32) {calls} (local.get 0)))"#
        );
        let (mut fixture, _, main) = load("(module)", &text);
        let inlined = inlined_calls(&fixture, main);
        assert!(expected.contains(&inlined), "{body}: {inlined}");
        let step = if expected.start == 1000 { 1 } else { 7 * 99 };
        let found = fixture.call(main, "run", &[Value::I32(5)]).unwrap();
        assert_eq!(found, [Value::I32(5 + 1000 * step)]);
    }
}

/// How many calls are inlined into `run`, which calls `$f`.
#[track_caller]
fn check_inlined(functions: &str, expected: u32) {
    let text = format!(
        r#"(module (memory 1) {functions} (func (export "run") (result i32) (call $f (i32.const 3))))"#
    );
    let (fixture, _, main) = load("(module)", &text);
    let unit = Unit::new(&fixture.process, main);
    let codes = fixture.compiler.compile(&unit).unwrap();
    assert_eq!(codes.last().unwrap().inlined_calls, expected, "{functions}");
}

#[test]
fn what_is_large_or_calls_itself_stays_a_call() {
    let of = |body: &str| format!("(func $f (param i32) (result i32) {body})");
    let add = "(local.set 0 (i32.add (local.get 0) (i32.const 1)))";
    check_inlined(&of("(local.get 0)"), 1);
    check_inlined(&of(&format!("{}(local.get 0)", add.repeat(13))), 1);
    check_inlined(&of(&format!("{}(local.get 0)", add.repeat(14))), 0);
    check_inlined(&of(&format!("(local.get 0){}", "(i32.clz)".repeat(20))), 1);
    check_inlined(&of(&format!("(local.get 0){}", "(i32.clz)".repeat(21))), 0);
    check_inlined(&of(&format!("{}(local.get 0)", add.repeat(1000))), 0);
    check_inlined(&of("(loop (br 0)) (local.get 0)"), 0);
    check_inlined("(func $f (param i32) (result i32) (return_call $f (local.get 0)))", 0);
    // Of two that call each other each is inlined once.
    let other = "(func $g (param i32) (result i32) (call $f (local.get 0)))";
    check_inlined(&format!("{} {other}", of("(call $g (local.get 0))")), 2);
    check_inlined(&of("(call $f (local.get 0))"), 1);
    let locals = |count: usize| {
        format!("(func $f (param i32) (result i32) (local{}) (local.get 0))", " i64".repeat(count))
    };
    check_inlined(&locals(8), 1);
    check_inlined(&locals(9), 0);
    check_inlined(&locals(1000), 0);
    // A call of many values is as much work inlined as not, but may stand in a small body.
    let results = |count: usize| {
        format!(
            "(func $g (result{}) (unreachable)) {}",
            " i64".repeat(count),
            of(&format!("(call $g){}(local.get 0)", "(drop)".repeat(count)))
        )
    };
    check_inlined(&results(16), 2);
    check_inlined(&results(17), 1);
    // Three deep, and no deeper.
    let chain = (0..9)
        .map(|k| format!("(func $g{k} (param i32) (result i32) (call $g{} (local.get 0)))", k + 1));
    let chain: String = chain.collect();
    let end = "(func $g9 (param i32) (result i32) (local.get 0))";
    check_inlined(&format!("{} {chain} {end}", of("(call $g0 (local.get 0))")), 3);
}

#[test]
fn bodies_one_after_the_other_and_in_each_other_have_locals_of_their_own() {
    let library = r#"(module
      (func $inner (export "inner") (param i64) (result i64) (local i32 f64 i64)
        (if (i64.ne (local.get 0) (i64.const 0)) (then
          (local.set 1 (i32.const 5)) (local.set 2 (f64.const 0.5)) (local.set 3 (local.get 0))))
        (i64.add (i64.extend_i32_s (local.get 1))
          (i64.add (i64.trunc_f64_s (f64.mul (local.get 2) (f64.const 2))) (local.get 3))))
      (func (export "outer") (param i32) (result i32) (local i64 i64 i32)
        (local.set 3 (local.get 0))
        (local.set 1 (call $inner (i64.extend_i32_s (local.get 0))))
        (local.set 2 (call $inner (i64.const 0)))
        (i32.add (local.get 3) (i32.wrap_i64 (i64.add (local.get 1) (local.get 2))))))"#;
    let main = r#"(module
      (import "lib" "inner" (func $inner (param i64) (result i64)))
      (import "lib" "outer" (func $outer (param i32) (result i32)))
      (func (export "run") (param i32) (result i32) (local i32 i64)
        (local.set 2 (call $inner (i64.const 100)))
        (local.set 1 (call $outer (local.get 0)))
        (i32.add (i32.mul (call $outer (i32.const 0)) (i32.const 10000))
          (i32.add (local.get 1) (i32.wrap_i64 (local.get 2))))))"#;
    let (mut fixture, _, main) = load(library, main);
    assert_eq!(inlined_calls(&fixture, main), 7);
    // 106 of `inner(100)`, 7 + (5 + 1 + 7) of `outer(7)`.
    let found = fixture.call(main, "run", &[Value::I32(7)]).unwrap();
    assert_eq!(found, [Value::I32(106 + 20)]);
}
