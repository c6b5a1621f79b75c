;; `sort(bytes, count, is_after)`. It has functions of its own in the table, behind main's.
(module
  (import "env" "memory" (memory 1))
  (table 5 funcref)
  (elem (i32.const 3) $swap)
  (func $swap (param $at i32) (local $byte i32)
    (local.set $byte (i32.load8_u (local.get $at)))
    (i32.store8 (local.get $at) (i32.load8_u offset=1 (local.get $at)))
    (i32.store8 offset=1 (local.get $at) (local.get $byte)))
  (func (export "sort") (param $bytes i32) (param $count i32) (param $is_after i32)
    (local $at i32) (local $left i32)
    (local.set $left (local.get $count))
    (loop $pass
      (local.set $at (local.get $bytes))
      (loop $pair
        (if (call_indirect (param i32 i32) (result i32)
              (i32.load8_u (local.get $at)) (i32.load8_u offset=1 (local.get $at))
              (local.get $is_after))
          (then (call_indirect (param i32) (local.get $at) (i32.const 3))))
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (br_if $pair (i32.lt_u (local.get $at)
          (i32.sub (i32.add (local.get $bytes) (local.get $count)) (i32.const 1)))))
      (br_if $pass (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))))
