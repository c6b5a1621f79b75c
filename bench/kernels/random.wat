;; Reads and writes at random places of 64 MiB: what pages cost. See "What a short start still takes" in bench/RESULTS.md.
(module (memory 1100)
 (func (export "run") (param $n i32) (result i32) (local $x i32) (local $s i32) (local $a i32)
  (local.set $x (i32.const 1))
  (loop $l
   (local.set $x (i32.add (i32.mul (local.get $x) (i32.const 1664525)) (i32.const 1013904223)))
   (local.set $a (i32.and (i32.shr_u (local.get $x) (i32.const 6)) (i32.const 0x3fffffc)))
   (local.set $s (i32.add (local.get $s) (i32.load (local.get $a))))
   (i32.store (local.get $a) (local.get $s))
   (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
  (local.get $s)))
