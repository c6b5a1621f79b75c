;; Message passing: whoever sees the flag sees the message.

(module $Mem (memory (export "shared") 1 1 shared))

(thread $writer (shared (module $Mem))
  (register "mem" $Mem)
  (module
    (memory (import "mem" "shared") 1 1 shared)
    (func (export "run") (param $rounds i32)
      (local $round i32)
      (loop $next
        (local.set $round (i32.add (local.get $round) (i32.const 1)))
        (i32.store (i32.const 0) (local.get $round))
        (i32.atomic.store (i32.const 64) (local.get $round))
        ;; The reader answers.
        (loop $again
          (br_if $again (i32.ne (i32.atomic.load (i32.const 128)) (local.get $round))))
        (br_if $next (i32.lt_u (local.get $round) (local.get $rounds))))))
  (invoke "run" (i32.const 300)))

(thread $reader (shared (module $Mem))
  (register "mem" $Mem)
  (module
    (memory (import "mem" "shared") 1 1 shared)
    ;; How many messages were not the expected ones.
    (func (export "run") (param $rounds i32) (result i32)
      (local $round i32) (local $wrong i32)
      (loop $next
        (local.set $round (i32.add (local.get $round) (i32.const 1)))
        (loop $again
          (br_if $again (i32.ne (i32.atomic.load (i32.const 64)) (local.get $round))))
        (local.set $wrong
          (i32.add (local.get $wrong) (i32.ne (i32.load (i32.const 0)) (local.get $round))))
        (atomic.fence)
        (i32.atomic.store (i32.const 128) (local.get $round))
        (br_if $next (i32.lt_u (local.get $round) (local.get $rounds))))
      (local.get $wrong)))
  (assert_return (invoke "run" (i32.const 300)) (i32.const 0)))

(wait $writer)
(wait $reader)
