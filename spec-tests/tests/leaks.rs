//! Traps of every kind, ten thousand times in one process: nothing leaks and nothing breaks. A
//! program of its own, since it looks at its resident memory.

#[path = "runtime/fixture.rs"]
mod fixture;

use std::sync::atomic::{AtomicU32, Ordering};

use dynvm_vm::code::TrapCode;
use dynvm_vm::context::FuncId;
use dynvm_vm::value::Value;
use dynvm_vm::{Placement, Stop, Trap};
use fixture::{Fixture, i32s, trap};

const MODULE: &str = r#"(module
  (import "host" "fail" (func $fail)) (import "host" "exit" (func $exit))
  (import "host" "nothing" (func $nothing))
  (import "host" "deep" (func $deep-host))
  (memory 1) (memory $shared 1 1 shared) (memory $long i64 1 1)
  (table 2 funcref) (table $extern 2 externref)
  (type $v (func)) (elem (i32.const 1) $one) (data $d "abc") (elem $e funcref (ref.func $one))
  (tag $tag (param i32 v128))
  (func $one (param i32))
  (func (export "unreachable") unreachable)
  (func (export "load") (drop (i32.load (i32.const 65533))))
  (func (export "store") (i64.store offset=0xffffffff (i32.const -1) (i64.const 1)))
  (func (export "vector") (v128.store (i32.const 65521) (v128.const i64x2 1 1)))
  (func (export "load-long") (drop (i64.load $long (i64.const 65529))))
  (func (export "atomic") (drop (i32.atomic.rmw.add $shared (i32.const 65536) (i32.const 1))))
  (func (export "unaligned") (drop (i64.atomic.load $shared (i32.const 4))))
  (func (export "unaligned-store") (i32.atomic.store16 (i32.const 3) (i32.const 1)))
  (func (export "unaligned-exchange")
    (drop (i32.atomic.rmw.cmpxchg $shared (i32.const 65537) (i32.const 0) (i32.const 1))))
  (func (export "unaligned-wait")
    (drop (memory.atomic.wait64 $shared (i32.const 4) (i64.const 0) (i64.const 0))))
  (func (export "unaligned-notify") (drop (memory.atomic.notify (i32.const 2) (i32.const 0))))
  (func (export "wait-outside")
    (drop (memory.atomic.wait32 $shared (i32.const 65536) (i32.const 0) (i64.const 0))))
  (func (export "fill-long") (memory.fill $long (i64.const -1) (i32.const 0) (i64.const 2)))
  (func (export "copy-between")
    (memory.copy 0 $long (i32.const 0) (i64.const 65535) (i32.const 2)))
  (func (export "lane")
    (drop (v128.load32_lane 0 (i32.const 65534) (v128.const i64x2 0 0))))
  (func (export "splat") (drop (v128.load8_splat $long (i64.const 65536))))
  (func (export "wait")
    (drop (memory.atomic.wait32 (i32.const 0) (i32.const 0) (i64.const -1))))
  (func (export "notify") (drop (memory.atomic.notify (i32.const 65536) (i32.const 0))))
  (func (export "fill") (memory.fill (i32.const 65535) (i32.const 0) (i32.const 2)))
  (func (export "copy") (memory.copy (i32.const 0) (i32.const 65535) (i32.const 2)))
  (func (export "init") (memory.init $d (i32.const 0) (i32.const 2) (i32.const 2)))
  (func (export "get") (drop (table.get (i32.const 2))))
  (func (export "set") (table.set $extern (i32.const -1) (ref.null extern)))
  (func (export "table-fill") (table.fill (i32.const 1) (ref.null func) (i32.const 2)))
  (func (export "table-copy") (table.copy (i32.const 1) (i32.const 0) (i32.const 2)))
  (func (export "table-init") (table.init $e (i32.const 0) (i32.const 1) (i32.const 1)))
  (func (export "null") (call_indirect (type $v) (i32.const 0)))
  (func (export "type") (call_indirect (type $v) (i32.const 1)))
  (func (export "element") (call_indirect (type $v) (i32.const -1)))
  (func (export "call-ref") (call_ref $v (ref.null $v)))
  (func (export "non-null") (drop (ref.as_non_null (ref.null func))))
  (func (export "divide") (drop (i32.div_s (i32.const 1) (i32.const 0))))
  (func (export "remain") (drop (i64.rem_u (i64.const 1) (i64.const 0))))
  (func (export "overflow") (drop (i64.div_s (i64.const 0x8000000000000000) (i64.const -1))))
  (func (export "large") (drop (i32.trunc_f64_u (f64.const 1e10))))
  (func (export "nan") (drop (i32.trunc_f32_s (f32.const nan))))
  (func (export "deep") (call $deep DEEP_ARGS))
  (func $deep (param DEEP_PARAMS) (call $deep DEEP_ARGS))
  (func $host-deep (export "host-deep") (call $nothing) (call $host-deep))
  (func (export "deep-in-host") (call $deep-host))
  (func $tail (export "tail-null") (return_call_indirect (type $v) (i32.const 0)))
  (func (export "cast") (drop (ref.cast (ref i31) (ref.null any))))
  (func (export "fail") (call $fail))
  (func (export "exit") (call $exit))
  (func (export "throw") (throw $tag (i32.const 1) (v128.const i64x2 1 1)))
  (func (export "throw-null") (throw_ref (ref.null exn)))
  (func (export "fine") (result i32)
    (i32.add (i32.load (i32.const 65532)) (i32.load $shared (i32.const 65532)))))"#;

/// The function that `host.deep` calls.
static DEEP: AtomicU32 = AtomicU32::new(0);

/// What the program has in memory.
fn resident_bytes() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    statm.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4096
}

#[test]
fn ten_thousand_traps_of_every_kind() {
    let mut fixture = Fixture::with_stack(16 * 1024);
    fixture.host("fail", i32s(0, 0), |_, _| Err(Trap::new(TrapCode::Host, "on purpose").into()));
    fixture.host("exit", i32s(0, 0), |_, _| Err(Stop::Exit(3)));
    fixture.host("nothing", i32s(0, 0), |_, _| Ok(()));
    // The stack ends in a call of the host's back into wasm, with its frames in between.
    fixture.host("deep", i32s(0, 0), |process, _| {
        let func = FuncId(DEEP.load(Ordering::Relaxed));
        process.call(func, &[]).map(drop)
    });
    // Arguments fill the stack in fewer frames: it is their number that costs time.
    let text = MODULE.replace("DEEP_PARAMS", &"v128 ".repeat(64));
    let text = text.replace("DEEP_ARGS", &"(v128.const i64x2 1 1) ".repeat(64));
    let id = fixture.load("main", Placement::Process, &text);
    DEEP.store(fixture.func(id, "deep-in-host").0, Ordering::Relaxed);
    let cases = [
        ("unreachable", TrapCode::Unreachable),
        ("load", TrapCode::MemoryOutOfBounds),
        ("store", TrapCode::MemoryOutOfBounds),
        ("vector", TrapCode::MemoryOutOfBounds),
        ("load-long", TrapCode::MemoryOutOfBounds),
        ("atomic", TrapCode::MemoryOutOfBounds),
        ("unaligned", TrapCode::UnalignedAtomic),
        ("unaligned-store", TrapCode::UnalignedAtomic),
        ("unaligned-exchange", TrapCode::UnalignedAtomic),
        ("unaligned-wait", TrapCode::UnalignedAtomic),
        ("unaligned-notify", TrapCode::UnalignedAtomic),
        ("wait-outside", TrapCode::MemoryOutOfBounds),
        ("fill-long", TrapCode::MemoryOutOfBounds),
        ("copy-between", TrapCode::MemoryOutOfBounds),
        ("lane", TrapCode::MemoryOutOfBounds),
        ("splat", TrapCode::MemoryOutOfBounds),
        ("wait", TrapCode::ExpectedSharedMemory),
        ("notify", TrapCode::MemoryOutOfBounds),
        ("fill", TrapCode::MemoryOutOfBounds),
        ("copy", TrapCode::MemoryOutOfBounds),
        ("init", TrapCode::MemoryOutOfBounds),
        ("get", TrapCode::TableOutOfBounds),
        ("set", TrapCode::TableOutOfBounds),
        ("table-fill", TrapCode::TableOutOfBounds),
        ("table-copy", TrapCode::TableOutOfBounds),
        ("table-init", TrapCode::TableOutOfBounds),
        ("null", TrapCode::UninitializedElement),
        ("type", TrapCode::IndirectCallTypeMismatch),
        ("element", TrapCode::UndefinedElement),
        ("call-ref", TrapCode::NullFunctionReference),
        ("non-null", TrapCode::NullReference),
        ("divide", TrapCode::IntegerDivideByZero),
        ("remain", TrapCode::IntegerDivideByZero),
        ("overflow", TrapCode::IntegerOverflow),
        ("large", TrapCode::IntegerOverflow),
        ("nan", TrapCode::InvalidConversionToInteger),
        ("deep", TrapCode::StackOverflow),
        ("host-deep", TrapCode::StackOverflow),
        ("deep-in-host", TrapCode::StackOverflow),
        ("tail-null", TrapCode::UninitializedElement),
        ("cast", TrapCode::CastFailure),
        ("fail", TrapCode::Host),
        ("throw-null", TrapCode::NullReference),
    ];
    let mut round = |times| {
        for (name, code) in cases {
            for _ in 0..times {
                assert_eq!(trap(fixture.call(id, name, &[])).code, code, "{name}");
            }
            assert_eq!(fixture.call(id, "fine", &[]).unwrap(), [Value::I32(0)], "after {name}");
        }
        for _ in 0..times {
            assert!(matches!(fixture.call(id, "exit", &[]), Err(Stop::Exit(3))));
            match fixture.call(id, "throw", &[]) {
                Err(Stop::Exception { handle, .. }) => fixture.process.release_exception(handle),
                other => panic!("expected an exception, found {other:?}"),
            }
        }
    };
    // What is made when first needed, and a heap that has found its size.
    round(1_100);
    let before = resident_bytes();
    round(10_000);
    let grown = resident_bytes().saturating_sub(before);
    // A leak of 100 bytes per trap would be 31 MiB.
    assert!(grown < 4 << 20, "{grown} bytes more than before");
}
