//! The runtime under compiled code: host calls, traps, nesting, interruption, giving back.

use std::sync::Arc;
use std::time::Duration;

use dynvm_vm::code::TrapCode;
use dynvm_vm::context::FuncId;
use dynvm_vm::instance::{Extern, MemoryId, TableId};
use dynvm_vm::module::EntityType;
use dynvm_vm::types::{FuncType, HeapType, RefType, ValType};
use dynvm_vm::value::Value;
use dynvm_vm::{Placement, Stop};

#[path = "runtime/bulk.rs"]
mod bulk;
#[path = "runtime/exceptions.rs"]
mod exceptions;
#[path = "runtime/fixture.rs"]
mod fixture;
#[path = "runtime/inlining.rs"]
mod inlining;
#[path = "runtime/near.rs"]
mod near;
#[path = "runtime/objects.rs"]
mod objects;
#[path = "runtime/shared.rs"]
mod shared;
#[path = "runtime/strides.rs"]
mod strides;
#[path = "runtime/tiers.rs"]
mod tiers;
#[path = "runtime/typed.rs"]
mod typed;

use fixture::{Fixture, i32s, trap, wast_binary};

#[test]
fn host_function_takes_and_gives_every_type() {
    let mut fixture = Fixture::new();
    let all = [ValType::I32, ValType::I64, ValType::F32, ValType::F64, ValType::V128];
    let ty = FuncType::new(all, all.into_iter().rev().collect::<Vec<_>>());
    fixture.host("reverse", ty, |_, values| {
        values.reverse();
        Ok(())
    });
    let id = fixture.load(
        "main",
        Placement::Private,
        r#"(module
          (import "host" "reverse" (func $reverse
            (param i32 i64 f32 f64 v128) (result v128 f64 f32 i64 i32)))
          (func (export "run") (result v128 f64 f32 i64 i32)
            (call $reverse (i32.const -1) (i64.const 1234567890123) (f32.const 1.5)
              (f64.const -2.25) (v128.const i64x2 7 9))))"#,
    );
    let values = fixture.call(id, "run", &[]).unwrap();
    let expected = [
        Value::V128(7 | 9 << 64),
        Value::F64(-2.25),
        Value::F32(1.5),
        Value::I64(1_234_567_890_123),
        Value::I32(-1),
    ];
    assert_eq!(values, expected);
}

#[test]
fn exit_passes_through_wasm_and_is_no_trap() {
    let mut fixture = Fixture::new();
    fixture.host("exit", i32s(1, 0), |_, values| Err(Stop::Exit(values[0].u32())));
    let id = fixture.load(
        "main",
        Placement::Private,
        r#"(module (import "host" "exit" (func $exit (param i32)))
          (func (export "run") (call $exit (i32.const 7)) unreachable))"#,
    );
    assert!(matches!(fixture.call(id, "run", &[]), Err(Stop::Exit(7))));
}

#[test]
fn backtrace_names_each_frame_through_nested_entries() {
    let mut fixture = Fixture::new();
    let id = {
        let inner: Arc<std::sync::OnceLock<FuncId>> = Arc::default();
        let called = Arc::clone(&inner);
        fixture.host("again", i32s(0, 0), move |process, _| {
            process.call(*called.get().unwrap(), &[]).map(drop)
        });
        let id = fixture.load(
            "main.wasm",
            Placement::Private,
            r#"(module (import "host" "again" (func $again))
              (func $inner (export "inner") (call $deep))
              (func $deep unreachable)
              (func $outer (export "outer") (call $again)))"#,
        );
        inner.set(fixture.func(id, "inner")).unwrap();
        id
    };
    let trap = trap(fixture.call(id, "outer", &[]));
    assert_eq!(
        trap.to_string(),
        "wasm trap: unreachable\n  #0 main.wasm!deep+0x1\n  #1 main.wasm!inner+0x1\n  \
         #2 main.wasm!outer+0x1"
    );
}

#[test]
fn each_trap_is_told_from_the_others_and_leaves_the_process_whole() {
    let mut fixture = Fixture::new();
    let id = fixture.load(
        "main",
        Placement::Process,
        r#"(module (memory 1) (table 2 funcref) (type $v (func)) (elem (i32.const 1) $one)
          (func $one (param i32))
          (func (export "load") (drop (i32.load offset=0xffffffff (i32.const -1))))
          (data $d "abc")
          (func (export "fill") (memory.fill (i32.const 65535) (i32.const 0) (i32.const 2)))
          (func (export "copy") (memory.copy (i32.const 0) (i32.const 65537) (i32.const 2)))
          (func (export "init") (memory.init $d (i32.const 65534) (i32.const 0) (i32.const 3)))
          (func (export "segment") (memory.init $d (i32.const 0) (i32.const 2) (i32.const 2)))
          (func (export "null") (call_indirect (type $v) (i32.const 0)))
          (func (export "type") (call_indirect (type $v) (i32.const 1)))
          (func (export "element") (call_indirect (type $v) (i32.const -1)))
          (func (export "near") (call_indirect (type $v) (i32.const 2)))
          (func (export "divide") (drop (i32.div_s (i32.const 1) (i32.const 0))))
          (func (export "overflow") (drop (i32.div_s (i32.const 0x80000000) (i32.const -1))))
          (func (export "nan") (drop (i32.trunc_f32_s (f32.const nan))))
          (func $deep (export "deep") (call $deep))
          (func (export "fine") (result i32) (i32.load (i32.const 65532))))"#,
    );
    let cases = [
        ("load", "out of bounds memory access: address 0x1fffffffe, the memory has 0x10000 bytes"),
        ("fill", "out of bounds memory access: address 0x10000, the memory has 0x10000 bytes"),
        ("copy", "out of bounds memory access: address 0x10001, the memory has 0x10000 bytes"),
        ("init", "out of bounds memory access: address 0x10000, the memory has 0x10000 bytes"),
        ("segment", "out of bounds memory access: offset 0x3, data segment 0 has 0x3 bytes"),
        ("null", "uninitialized element: table index 0 is null"),
        (
            "type",
            "indirect call type mismatch: expected () -> (), found `main!one` of type (i32) -> () \
             at table index 1",
        ),
        ("element", "undefined element: table index 4294967295, the table has 2 elements"),
        ("near", "undefined element: table index 2, the table has 2 elements"),
        ("divide", "integer divide by zero"),
        ("overflow", "integer overflow"),
        ("nan", "invalid conversion to integer"),
        ("deep", "call stack exhausted"),
    ];
    for (name, message) in cases {
        let trap = trap(fixture.call(id, name, &[]));
        let first = trap.to_string().lines().next().unwrap().to_owned();
        assert_eq!(first, format!("wasm trap: {message}"), "{name}");
        assert_eq!(fixture.call(id, "fine", &[]).unwrap(), [Value::I32(0)], "after {name}");
    }
    let deep = trap(fixture.call(id, "deep", &[]));
    assert_eq!(deep.backtrace.len(), 64);
    assert!(deep.frames_omitted > 1000, "{}", deep.frames_omitted);
}

/// A small function that calls itself becomes part of itself: that is not seen, but in its speed.
#[test]
fn a_recursion_has_a_frame_for_each_of_its_calls() {
    let mut fixture = Fixture::new();
    let id = fixture.load(
        "main",
        Placement::Process,
        r#"(module (memory 1)
          (func $down (export "down") (param i32) (result i32)
            (if (i32.eqz (local.get 0)) (then (unreachable)))
            (i32.add (call $down (i32.sub (local.get 0) (i32.const 1))) (i32.const 1)))
          (func $fib (export "fib") (param i32) (result i32)
            (if (result i32) (i32.lt_u (local.get 0) (i32.const 2))
              (then (local.get 0))
              (else (i32.add
                (call $fib (i32.sub (local.get 0) (i32.const 1)))
                (call $fib (i32.sub (local.get 0) (i32.const 2))))))))"#,
    );
    for depth in (0..6).chain(61..70).chain([126, 127, 128, 129, 2000]) {
        let stopped = trap(fixture.call(id, "down", &[Value::I32(depth)]));
        let frames = depth as usize + 1;
        assert_eq!(stopped.backtrace.len(), frames.min(64), "depth {depth}");
        assert_eq!(stopped.backtrace.len() + stopped.frames_omitted, frames, "depth {depth}");
        assert!(stopped.backtrace.iter().all(|frame| frame.function == "down"), "{stopped}");
    }
    assert_eq!(fixture.call(id, "fib", &[Value::I32(20)]).unwrap(), [Value::I32(6765)]);
}

/// The process memory and table are of one kind each: whoever hands them out, an import of another
/// kind is refused.
#[test]
fn imports_of_the_process_memory_and_table_are_checked() {
    let cases = [
        ("(memory 1)", None),
        ("(memory 1 2)", None),
        ("(memory i64 1)", Some("a memory of 64-bit addresses and pages of 2^16 bytes")),
        (
            "(memory 1 2 shared)",
            Some("a shared memory of 32-bit addresses and pages of 2^16 bytes"),
        ),
        ("(table 1 funcref)", None),
        ("(table i64 1 funcref)", Some("a table of funcref with 64-bit indices")),
        ("(table 1 externref)", Some("a table of externref with 32-bit indices")),
    ];
    for (ty, refused) in cases {
        let mut fixture = Fixture::new();
        let plain = ty.replace(" shared", "");
        let text = format!(r#"(module (import "m" "x" {plain}))"#);
        let mut module = dynvm_jit::decode(wast_binary(&text)).unwrap();
        if let EntityType::Memory(memory) = &mut module.imports[0].ty {
            memory.is_shared = ty != plain;
        }
        let id = fixture.process.declare("main", Arc::new(module), Placement::Private);
        let given = match ty.starts_with("(memory") {
            true => Extern::Memory(MemoryId::PROCESS),
            false => Extern::Table(TableId::PROCESS),
        };
        let error =
            fixture.process.bind(id.unwrap(), &[given]).err().map(|error| error.to_string());
        let found = match given {
            Extern::Memory(_) => "a memory of 32-bit addresses and pages of 2^16 bytes",
            _ => "a table of funcref with 32-bit indices",
        };
        let message = refused.map(|it| format!("import `m.x`: expected {it}, found {found}"));
        assert_eq!(error, message, "{ty}");
    }
}

#[test]
fn ten_thousand_traps_in_one_process() {
    let mut fixture = Fixture::new();
    let id = fixture.load(
        "main",
        Placement::Process,
        r#"(module (memory 1)
          (func (export "load") (drop (i32.load (i32.const 65536))))
          (func (export "copy")
            (memory.copy (i32.const 0) (i32.const 65535) (i32.const 2))))"#,
    );
    for _ in 0..10_000 {
        assert_eq!(trap(fixture.call(id, "load", &[])).code, TrapCode::MemoryOutOfBounds);
        assert_eq!(trap(fixture.call(id, "copy", &[])).code, TrapCode::MemoryOutOfBounds);
    }
}

#[test]
fn host_is_not_called_without_stack() {
    let mut fixture = Fixture::new();
    fixture.host("room", i32s(0, 0), |_, _| Ok(()));
    let id = fixture.load(
        "main",
        Placement::Private,
        r#"(module (import "host" "room" (func $room))
          (func $deep (export "deep") (call $room) (call $deep)))"#,
    );
    assert_eq!(trap(fixture.call(id, "deep", &[])).code, TrapCode::StackOverflow);
}

#[test]
fn panic_of_a_host_function_goes_on_behind_the_wasm_frames() {
    let mut fixture = Fixture::new();
    fixture.host("panic", i32s(0, 0), |_, _| panic!("out of ideas"));
    let id = fixture.load(
        "main",
        Placement::Private,
        r#"(module (import "host" "panic" (func $panic)) (func (export "run") (call $panic)))"#,
    );
    let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        fixture.call(id, "run", &[]).map(drop)
    }));
    let message = *caught.unwrap_err().downcast::<&str>().unwrap();
    assert_eq!(message, "out of ideas");
}

#[test]
fn interruption_ends_a_loop() {
    let mut fixture = Fixture::new();
    let id = fixture.load(
        "main",
        Placement::Private,
        r#"(module (func (export "spin") (loop $again (br $again)))
          (func (export "fine") (result i32) (i32.const 3)))"#,
    );
    let interrupter = fixture.process.interrupter();
    let asker = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(20));
        interrupter.interrupt();
        while interrupter.is_pending() {
            std::thread::sleep(Duration::from_millis(1));
            interrupter.remind();
        }
    });
    assert_eq!(trap(fixture.call(id, "spin", &[])).code, TrapCode::Interrupted);
    asker.join().unwrap();
    assert_eq!(fixture.call(id, "fine", &[]).unwrap(), [Value::I32(3)]);
}

#[test]
fn text_of_a_discarded_instance_is_used_again() {
    let mut fixture = Fixture::new();
    let mut last = None;
    for round in 0..2_000 {
        let text = format!(r#"(module (func (export "run") (result i32) (i32.const {round})))"#);
        let id = fixture.load("again", Placement::Private, &text);
        assert_eq!(fixture.call(id, "run", &[]).unwrap(), [Value::I32(round)]);
        let func = fixture.func(id, "run");
        fixture.process.discard(id);
        assert_eq!(fixture.process.func_type_id(func), None);
        last = Some(func);
    }
    assert_eq!(fixture.process.func_name(last.unwrap()), "again!run");
}

/// The process table has no descriptor and no bounds check, but the same rules.
#[test]
fn process_table_takes_subtypes_and_initial_values() {
    let mut fixture = Fixture::new();
    let id = fixture.load(
        "main",
        Placement::Process,
        r#"(module
          (type $base (sub (func (result i32))))
          (type $sub (sub $base (func (result i32))))
          (type $final (func (result i32)))
          (type $other (sub (func (param i32) (result i32))))
          (func $sub (type $sub) (i32.const 7))
          (func $other (type $other) (i32.const 8))
          (table 4 funcref (ref.func $sub))
          (elem (i32.const 2) $other)
          (func (export "base") (param i32) (result i32)
            (call_indirect (type $base) (local.get 0)))
          (func (export "final") (param i32) (result i32)
            (call_indirect (type $final) (local.get 0))))"#,
    );
    let mut call = |name, index| fixture.call(id, name, &[Value::I32(index)]);
    for index in [0, 1, 3] {
        assert_eq!(call("base", index).unwrap(), [Value::I32(7)], "element {index}");
        assert_eq!(trap(call("final", index)).code, TrapCode::IndirectCallTypeMismatch);
    }
    assert_eq!(trap(call("base", 2)).code, TrapCode::IndirectCallTypeMismatch);
    assert_eq!(trap(call("base", 4)).code, TrapCode::UndefinedElement);
}

#[test]
fn reference_to_a_function_of_a_discarded_instance_traps() {
    let mut fixture = Fixture::new();
    let gone = fixture.load(
        "gone",
        Placement::Private,
        r#"(module (func (export "f") (result i32) (i32.const 1)))"#,
    );
    let func = fixture.func(gone, "f");
    let heap = HeapType::Canonical(fixture.process.intern_type(&i32s(0, 1)));
    let reference = ValType::Ref(RefType { is_nullable: false, heap });
    fixture.host("give", FuncType::new([], [reference]), move |_, values| {
        values[0] = func.0.into();
        Ok(())
    });
    let id = fixture.load(
        "main",
        Placement::Private,
        r#"(module
          (type $t (func (result i32)))
          (import "host" "give" (func $give (result (ref $t))))
          (func $run (export "run") (result i32) (call_ref $t (call $give))))"#,
    );
    assert_eq!(fixture.call(id, "run", &[]).unwrap(), [Value::I32(1)]);
    fixture.process.discard(gone);
    let trap = trap(fixture.call(id, "run", &[]));
    assert_eq!(trap.code, TrapCode::UndefinedSymbol);
    assert_eq!(trap.backtrace[0].to_string(), "main!run+0x3");
}

#[test]
fn a_maximum_of_the_process_memory_is_no_other_memorys() {
    let mut fixture = Fixture::new();
    let id = fixture.load(
        "main",
        Placement::Process,
        r#"(module (memory $process 1 1) (memory $other 3)
          (func (export "grow") (result i32 i32)
            (memory.grow $process (i32.const 1)) (memory.grow $other (i32.const 1))))"#,
    );
    let grown = fixture.call(id, "grow", &[]).unwrap();
    assert_eq!(grown, [Value::I32(-1), Value::I32(3)]);
}

/// A module that somebody else keeps has the names of its functions; of one that nobody keeps, they
/// alone stay.
#[test]
fn a_module_that_is_no_more_leaves_its_names() {
    let mut fixture = Fixture::new();
    let load = |fixture: &mut Fixture, name: &str| {
        let id = fixture.load(name, Placement::Private, r#"(module (func $f (export "f")))"#);
        let module = Arc::downgrade(&fixture.process.instance(id).module);
        (id, module, fixture.func(id, "f"))
    };
    let discard = |fixture: &mut Fixture, id| {
        fixture.lazy.iter().for_each(|lazy| drop(lazy.forget(id)));
        fixture.process.discard(id);
    };
    let called = |fixture: &mut Fixture, func| trap(fixture.process.call(func, &[])).detail;
    let (one, module, func) = load(&mut fixture, "one");
    let kept = module.upgrade().expect("it is loaded");
    discard(&mut fixture, one);
    assert_eq!(called(&mut fixture, func).unwrap(), "call of `one!f`, which was unloaded");
    let (two, ..) = load(&mut fixture, "two");
    drop(kept);
    discard(&mut fixture, two);
    assert!(module.upgrade().is_none(), "the next one that goes lets it go");
    assert_eq!(called(&mut fixture, func).unwrap(), "call of `one!f`, which was unloaded");
}
