//! The garbage-collected heap as the host sees it: limits, collections, handles.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, OnceLock};

use dynvm_vm::code::TrapCode;
use dynvm_vm::instance::InstanceId;
use dynvm_vm::reference::Referent;
use dynvm_vm::types::{FuncType, HeapType, RefType, TypeId, ValType};
use dynvm_vm::value::Value;
use dynvm_vm::{Config, Placement};

use crate::fixture::{Fixture, trap};

const LISTS: &str = r#"(module
  (type $list (struct (field $head i64) (field $tail (mut (ref null $list)))))
  (type $bytes (array (mut i8)))
  (global $kept (mut (ref null $list)) (ref.null $list))
  (func $make (export "make") (param $len i32) (result (ref null $list))
    (local $list (ref null $list))
    (block $done
      (loop $more
        (br_if $done (i32.eqz (local.get $len)))
        (local.set $list
          (struct.new $list (i64.extend_i32_u (local.get $len)) (local.get $list)))
        (local.set $len (i32.sub (local.get $len) (i32.const 1)))
        (br $more)))
    (local.get $list))
  (func (export "keep") (param i32) (global.set $kept (call $make (local.get 0))))
  (func (export "garbage") (param $rounds i32)
    (loop $more
      (drop (call $make (i32.const 1000)))
      (br_if $more (local.tee $rounds (i32.sub (local.get $rounds) (i32.const 1))))))
  (func (export "cycles") (param $rounds i32) (local $list (ref $list))
    (loop $more
      (local.set $list (struct.new $list (i64.const 1) (ref.null $list)))
      (struct.set $list $tail (local.get $list) (local.get $list))
      (br_if $more (local.tee $rounds (i32.sub (local.get $rounds) (i32.const 1))))))
  (func (export "sum") (param $list (ref null $list)) (result i64) (local $sum i64)
    (block $done
      (loop $more
        (br_if $done (ref.is_null (local.get $list)))
        (local.set $sum (i64.add (local.get $sum) (struct.get $list $head (local.get $list))))
        (local.set $list (struct.get $list $tail (local.get $list)))
        (br $more)))
    (local.get $sum))
  (func (export "array") (param i32) (result i32)
    (array.len (array.new_default $bytes (local.get 0)))))"#;

fn fixture(config: Config) -> (Fixture, InstanceId) {
    let mut fixture = Fixture::with_config(&config);
    let id = fixture.load("lists", Placement::Private, LISTS);
    (fixture, id)
}

fn list_type(fixture: &Fixture, id: InstanceId) -> TypeId {
    fixture.process.instance(id).types[0]
}

#[test]
fn garbage_is_collected_and_its_room_is_used_again() {
    let (mut fixture, id) = fixture(Config { heap_bytes_max: 9 << 20, ..Config::default() });
    fixture.call(id, "keep", &[Value::I32(1000)]).unwrap();
    fixture.call(id, "garbage", &[Value::I32(2000)]).unwrap();
    fixture.call(id, "cycles", &[Value::I32(1_000_000)]).unwrap();
    fixture.process.collect_garbage().unwrap();
    let stats = fixture.process.heap_stats();
    assert!(stats.collections >= 5, "{stats:?}");
    assert_eq!(stats.live_bytes, 1000 * 24, "{stats:?}");
    assert!(stats.peak_bytes <= 9 << 20, "{stats:?}");
}

#[test]
fn the_limit_holds_and_leaves_the_process_whole() {
    let (mut fixture, id) = fixture(Config { heap_bytes_max: 1 << 20, ..Config::default() });
    let stopped = trap(fixture.call(id, "keep", &[Value::I32(100_000)]));
    assert_eq!(stopped.code, TrapCode::HeapExhausted);
    let message = stopped.to_string();
    let expected = "wasm trap: garbage-collected heap exhausted: 24 bytes more than 1048560 that are \
                    in use pass the limit of 1048576 bytes\n  #0 lists!make+";
    assert!(message.starts_with(expected), "{message}");

    for len in [1 << 20, -1] {
        let stopped = trap(fixture.call(id, "array", &[Value::I32(len)]));
        assert_eq!(stopped.code, TrapCode::HeapExhausted, "{len}");
    }
    // What the trap left behind is garbage.
    let found = fixture.call(id, "array", &[Value::I32(1_000_000)]).unwrap();
    assert_eq!(found, [Value::I32(1_000_000)]);
}

#[test]
fn the_host_holds_and_drops() {
    for is_heap_stressed in [false, true] {
        let (mut fixture, id) = fixture(Config { is_heap_stressed, ..Config::default() });
        let list = fixture.call(id, "make", &[Value::I32(3)]).unwrap()[0];
        fixture.call(id, "garbage", &[Value::I32(1)]).unwrap();
        fixture.process.collect_garbage().unwrap();
        let ty = list_type(&fixture, id);
        let process = &mut fixture.process;
        assert_eq!(process.referent(list), Some(Referent::Struct(ty)));
        assert_eq!(process.member(list, 0), Some(Value::I64(1)));
        let tail = process.member(list, 1).unwrap();
        assert_eq!(process.member(tail, 0), Some(Value::I64(2)));
        assert_eq!(process.member(tail, 2), None);
        assert_eq!(process.is_same(list, tail), Some(false));

        // A longer list, and then one that bites its tail.
        let longer = process.new_struct(ty, &[Value::I64(10), list]).unwrap().unwrap();
        assert_eq!(process.new_struct(ty, &[Value::I32(10), list]).unwrap(), None);
        assert!(!process.set_member(longer, 0, Value::I64(1)), "the field is not mutable");
        assert_eq!(fixture.call(id, "sum", &[longer]).unwrap(), [Value::I64(16)]);
        assert!(fixture.process.set_member(tail, 1, list));
        assert!(!fixture.process.set_member(tail, 1, Value::i31(5)));

        assert_eq!(fixture.process.heap_stats().handles, 3);
        for value in [list, tail, longer] {
            fixture.process.release(value);
            assert_eq!(fixture.process.referent(value), None);
        }
        fixture.process.collect_garbage().unwrap();
        let stats = fixture.process.heap_stats();
        assert_eq!((stats.handles, stats.live_bytes), (0, 0));
    }
}

#[test]
fn arrays_of_the_host() {
    let (mut fixture, id) = fixture(Config::default());
    let bytes = fixture.process.instance(id).types[1];
    let elements = [Value::I32(1), Value::I32(-1)];
    let array = fixture.process.new_array(bytes, &elements).unwrap().unwrap();
    let process = &mut fixture.process;
    assert_eq!(
        (process.array_len(array), process.member(array, 1)),
        (Some(2), Some(Value::I32(255)))
    );
    assert_eq!(process.member(array, 2), None);
    assert_eq!(process.new_array(bytes, &[Value::I64(0)]).unwrap(), None);
    assert_eq!(process.referent(Value::i31(-7)), Some(Referent::I31(-7)));
    assert_eq!(process.referent(Value::host(9).unwrap()), Some(Referent::Host(9)));
    assert_eq!(Value::host(u32::MAX), None);
}

#[test]
fn a_released_reference_is_not_passed_on() {
    let (mut fixture, id) = fixture(Config::default());
    let list = fixture.call(id, "make", &[Value::I32(3)]).unwrap()[0];
    fixture.process.release(list);
    let call = AssertUnwindSafe(|| fixture.call(id, "sum", &[list]));
    let panic = catch_unwind(call).expect_err("the host is told of its mistake");
    let message = panic.downcast_ref::<String>().map(String::as_str);
    assert_eq!(message, Some("`lists!sum` takes ((ref null 1)) -> (i64)"));
}

const CALLER: &str = r#"(module
  (type $box (struct (field (mut i32))))
  (import "host" "swap" (func $swap (param anyref anyref) (result anyref anyref)))
  (func (export "fresh") (result anyref) (struct.new $box (i32.const 77)))
  (func (export "run") (result i32) (local $first anyref) (local $second anyref)
    (call $swap (struct.new $box (i32.const 1)) (struct.new $box (i32.const 2)))
    (local.set $second) (local.set $first)
    (i32.add
      (i32.mul (i32.const 100)
        (struct.get $box 0 (ref.cast (ref $box) (local.get $first))))
      (struct.get $box 0 (ref.cast (ref $box) (local.get $second))))))"#;

#[test]
fn a_host_function_has_references_while_it_runs() {
    for is_heap_stressed in [false, true] {
        let config = Config { is_heap_stressed, ..Config::default() };
        let mut fixture = Fixture::with_config(&config);
        let ty = RefType { is_nullable: true, heap: HeapType::Any };
        let any = ValType::Ref(ty);
        let fresh_func = Arc::new(OnceLock::new());
        let func = Arc::clone(&fresh_func);
        fixture.host("swap", FuncType::new([any, any], [any, any]), move |process, values| {
            let [first, second] = [values[0], values[1]].map(|raw| Value::Ref(ty, raw.u32()));
            // Objects are made, and move, while the host has handles.
            let fresh = process.call(*func.get().unwrap(), &[])?;
            assert_eq!(process.member(first, 0), Some(Value::I32(1)));
            assert_eq!(process.member(second, 0), Some(Value::I32(2)));
            assert_eq!(process.heap_stats().handles, 3);
            assert!(process.set_member(second, 0, Value::I32(5)));
            values[0] = second.raw();
            values[1] = fresh[0].raw();
            Ok(())
        });
        let id = fixture.load("caller", Placement::Private, CALLER);
        fresh_func.set(fixture.func(id, "fresh")).unwrap();
        assert_eq!(fixture.call(id, "run", &[]).unwrap(), [Value::I32(577)]);
        assert_eq!(fixture.process.heap_stats().handles, 0, "they ended with the function");
    }
}

#[test]
fn a_result_that_is_no_reference_of_its_type_traps() {
    let mut fixture = Fixture::new();
    let i31 = ValType::Ref(RefType { is_nullable: false, heap: HeapType::I31 });
    fixture.host("bad", FuncType::new([], [i31]), |_, values| {
        values[0] = 0_u32.into();
        Ok(())
    });
    let text = r#"(module (import "host" "bad" (func $bad (result (ref i31))))
      (func (export "run") (result i32) (i31.get_s (call $bad))))"#;
    let id = fixture.load("bad", Placement::Private, text);
    let stopped = trap(fixture.call(id, "run", &[]));
    assert_eq!(stopped.code, TrapCode::Host);
    assert_eq!(
        stopped.detail.as_deref(),
        Some("`bad` gave what is no reference of type (ref i31)")
    );
}

#[test]
fn every_field_of_null_is_out_of_reach() {
    let fields = "(field (mut v128))".repeat(2000);
    let text = format!(
        r#"(module (type $large (struct {fields}))
          (func (export "run") (param (ref null $large))
            (struct.set $large 1999 (local.get 0) (v128.const i64x2 0 0))))"#
    );
    let mut fixture = Fixture::new();
    let id = fixture.load("large", Placement::Private, &text);
    let heap = HeapType::Canonical(fixture.process.instance(id).types[0]);
    let null = Value::Ref(RefType { is_nullable: true, heap }, 0);
    let stopped = trap(fixture.call(id, "run", &[null]));
    assert_eq!(stopped.code, TrapCode::NullStructureReference);
}

#[test]
fn exceptions_of_the_host_carry_references() {
    let (mut fixture, id) = fixture(Config { is_heap_stressed: true, ..Config::default() });
    let list = fixture.call(id, "make", &[Value::I32(2)]).unwrap()[0];
    let heap = HeapType::Canonical(list_type(&fixture, id));
    let ty = ValType::Ref(RefType { is_nullable: true, heap });
    let tag_type = fixture.process.intern_type(&FuncType::new([ty], []));
    let tag = fixture.process.add_tag(tag_type);
    let exception = fixture.process.add_exception(tag, &[list.raw()]);
    fixture.process.release(list);
    fixture.call(id, "garbage", &[Value::I32(1)]).unwrap();
    let values = fixture.process.exception_values(exception).unwrap();
    assert_eq!(fixture.call(id, "sum", &values).unwrap(), [Value::I64(3)]);
    fixture.process.release_exception(exception);
}

#[test]
fn a_discarded_instance_leaves_no_roots() {
    let (mut fixture, id) = fixture(Config::default());
    fixture.call(id, "keep", &[Value::I32(1000)]).unwrap();
    fixture.process.collect_garbage().unwrap();
    assert_eq!(fixture.process.heap_stats().live_bytes, 24_000);
    fixture.process.discard(id);
    fixture.process.collect_garbage().unwrap();
    assert_eq!(fixture.process.heap_stats().live_bytes, 0);
}
