//! Shared memories: several processes, each on a thread of its own.

use std::sync::mpsc;
use std::thread;

use dynvm_vm::Placement;
use dynvm_vm::code::TrapCode;
use dynvm_vm::instance::{Extern, MemoryId};
use dynvm_vm::value::Value;

use crate::fixture::{Fixture, trap, wast_binary};

const WAITER: &str = r#"(module (memory (export "memory") 1 4 shared)
  (func (export "wait") (param i64) (result i32)
    (memory.atomic.wait32 (i32.const 0) (i32.const 0) (local.get 0)))
  (func (export "size") (result i32) (memory.size))
  (func (export "load") (param i32) (result i32) (i32.load (local.get 0))))"#;

#[test]
fn wait_can_be_interrupted() {
    let mut fixture = Fixture::new();
    let id = fixture.load("main", Placement::Private, WAITER);
    let interrupter = fixture.process.interrupter();
    let asker = thread::spawn(move || {
        interrupter.interrupt();
        while interrupter.is_pending() {
            thread::yield_now();
            interrupter.remind();
        }
    });
    let stopped = trap(fixture.call(id, "wait", &[Value::I64(-1)]));
    assert_eq!(stopped.code, TrapCode::Interrupted);
    asker.join().unwrap();
    assert_eq!(fixture.call(id, "wait", &[Value::I64(1)]).unwrap(), [Value::I32(2)]);
}

#[test]
fn memory_of_a_process_that_is_gone_is_still_there() {
    let mut first = Fixture::new();
    let id = first.load("first", Placement::Private, WAITER);
    let memory = first.process.instance(id).memories[0].id;
    let memory = first.process.share_memory(memory).unwrap();
    drop(first);
    memory.write(65_532, &[1, 2, 3, 4]);

    let mut second = Fixture::new();
    let text = WAITER.replace("(export \"memory\")", "(import \"m\" \"m\")");
    let module = std::sync::Arc::new(dynvm_jit::decode(wast_binary(&text)).unwrap());
    let id = second.process.declare("second", module, Placement::Private).unwrap();
    let given = second.process.add_shared_memory(&memory).unwrap();
    assert_eq!(second.process.add_shared_memory(&memory).unwrap(), given);
    second.process.bind(id, &[Extern::Memory(given)]).unwrap();
    let code = second.compiler.compile(&dynvm_jit::Unit::new(&second.process, id)).unwrap();
    second.process.publish(id, code);
    second.process.link().unwrap();
    second.process.initialize(id).unwrap();
    let (sender, receiver) = mpsc::channel();
    let other = thread::spawn(move || {
        assert_eq!(
            second.call(id, "load", &[Value::I32(65_532)]).unwrap(),
            [Value::I32(0x0403_0201)]
        );
        receiver.recv().unwrap();
        assert_eq!(second.call(id, "size", &[]).unwrap(), [Value::I32(4)]);
        assert_eq!(second.call(id, "load", &[Value::I32(0x3_fffc)]).unwrap(), [Value::I32(0)]);
        let outside = trap(second.call(id, "load", &[Value::I32(0x4_0000)]));
        assert_eq!(outside.detail.unwrap(), "address 0x40000, the memory has 0x40000 bytes");
    });
    assert_eq!(memory.grow(3), Some(1));
    assert_eq!(memory.grow(1), None);
    sender.send(()).unwrap();
    other.join().unwrap();
}

#[test]
fn process_memory_is_nobody_else_s() {
    let mut fixture = Fixture::new();
    let id = fixture.load("main", Placement::Process, WAITER);
    assert!(fixture.process.share_memory(MemoryId::PROCESS).is_none());
    // A program built for threads that starts none: all but waiting for others works.
    assert_eq!(fixture.call(id, "size", &[]).unwrap(), [Value::I32(1)]);
    assert_eq!(fixture.call(id, "wait", &[Value::I64(1000)]).unwrap(), [Value::I32(2)]);
}
