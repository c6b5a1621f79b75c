;; Two threads add to a counter of plain loads and stores, behind a lock that sleeps, and to one
;; of each width that is atomic.

(module $Mem (memory (export "shared") 1 1 shared))
(register "mem" $Mem)

(module definition $Adder
  (memory (import "mem" "shared") 1 1 shared)
  ;; The lock, at 0: 0 is free, 1 is taken, 2 is taken and somebody sleeps.
  (func $lock
    (local $was i32)
    (local.set $was (i32.atomic.rmw.cmpxchg (i32.const 0) (i32.const 0) (i32.const 1)))
    (block $locked
      (br_if $locked (i32.eqz (local.get $was)))
      (loop $again
        (br_if $locked (i32.eqz (i32.atomic.rmw.xchg (i32.const 0) (i32.const 2))))
        (drop (memory.atomic.wait32 (i32.const 0) (i32.const 2) (i64.const -1)))
        (br $again))))
  (func $unlock
    (if (i32.eq (i32.atomic.rmw.xchg (i32.const 0) (i32.const 0)) (i32.const 2))
      (then (drop (memory.atomic.notify (i32.const 0) (i32.const 1))))))
  (func (export "add") (param $times i32)
    (loop $next
      (call $lock)
      (i32.store (i32.const 64) (i32.add (i32.load (i32.const 64)) (i32.const 1)))
      (call $unlock)
      (drop (i32.atomic.rmw8.add_u (i32.const 128) (i32.const 1)))
      (drop (i32.atomic.rmw16.sub_u (i32.const 192) (i32.const 1)))
      (drop (i64.atomic.rmw.add (i32.const 256) (i64.const 0x1_0000_0001)))
      (drop (i64.atomic.rmw32.xor_u (i32.const 320) (i64.const 1)))
      (br_if $next (local.tee $times (i32.sub (local.get $times) (i32.const 1)))))))

(thread $T1 (shared (module $Mem))
  (register "mem" $Mem)
  (module
    (memory (import "mem" "shared") 1 1 shared)
    (func $lock
      (local $was i32)
      (local.set $was (i32.atomic.rmw.cmpxchg (i32.const 0) (i32.const 0) (i32.const 1)))
      (block $locked
        (br_if $locked (i32.eqz (local.get $was)))
        (loop $again
          (br_if $locked (i32.eqz (i32.atomic.rmw.xchg (i32.const 0) (i32.const 2))))
          (drop (memory.atomic.wait32 (i32.const 0) (i32.const 2) (i64.const -1)))
          (br $again))))
    (func $unlock
      (if (i32.eq (i32.atomic.rmw.xchg (i32.const 0) (i32.const 0)) (i32.const 2))
        (then (drop (memory.atomic.notify (i32.const 0) (i32.const 1))))))
    (func (export "add") (param $times i32)
      (loop $next
        (call $lock)
        (i32.store (i32.const 64) (i32.add (i32.load (i32.const 64)) (i32.const 1)))
        (call $unlock)
        (drop (i32.atomic.rmw8.add_u (i32.const 128) (i32.const 1)))
        (drop (i32.atomic.rmw16.sub_u (i32.const 192) (i32.const 1)))
        (drop (i64.atomic.rmw.add (i32.const 256) (i64.const 0x1_0000_0001)))
        (drop (i64.atomic.rmw32.xor_u (i32.const 320) (i64.const 1)))
        (br_if $next (local.tee $times (i32.sub (local.get $times) (i32.const 1)))))))
  (invoke "add" (i32.const 20001)))

;; The thread of the script itself is one of them.
(module instance $adder $Adder)
(invoke $adder "add" (i32.const 20000))
(wait $T1)

(module
  (memory (import "mem" "shared") 1 1 shared)
  (func (export "load8") (param i32) (result i32) (i32.load8_u (local.get 0)))
  (func (export "load16") (param i32) (result i32) (i32.load16_u (local.get 0)))
  (func (export "load") (param i32) (result i32) (i32.load (local.get 0)))
  (func (export "load64") (param i32) (result i64) (i64.load (local.get 0))))
(assert_return (invoke "load" (i32.const 0)) (i32.const 0))
(assert_return (invoke "load" (i32.const 64)) (i32.const 40001))
(assert_return (invoke "load8" (i32.const 128)) (i32.const 0x41))
(assert_return (invoke "load16" (i32.const 192)) (i32.const 0x63bf))
(assert_return (invoke "load64" (i32.const 256)) (i64.const 0x9c41_0000_9c41))
(assert_return (invoke "load64" (i32.const 320)) (i64.const 1))
