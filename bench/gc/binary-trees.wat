;; binary-trees of the Computer Language Benchmarks Game: trees of every second depth up to N are
;; made and counted, beside one that lives all along. Short-lived objects, few survive.
(module
  (type $tree (struct (field $left (ref null $tree)) (field $right (ref null $tree))))
  (func $make (param $depth i32) (result (ref $tree))
    (if (result (ref $tree)) (local.get $depth)
      (then
        (struct.new $tree
          (call $make (i32.sub (local.get $depth) (i32.const 1)))
          (call $make (i32.sub (local.get $depth) (i32.const 1)))))
      (else (struct.new_default $tree))))
  (func $check (param $tree (ref $tree)) (result i32)
    (if (result i32) (ref.is_null (struct.get $tree $left (local.get $tree)))
      (then (i32.const 1))
      (else
        (i32.add (i32.const 1)
          (i32.add
            (call $check (ref.as_non_null (struct.get $tree $left (local.get $tree))))
            (call $check (ref.as_non_null (struct.get $tree $right (local.get $tree)))))))))
  (func (export "run") (param $n i32) (result i32)
    (local $long (ref null $tree)) (local $depth i32) (local $i i32) (local $sum i32)
    (local.set $sum (call $check (call $make (i32.add (local.get $n) (i32.const 1)))))
    (local.set $long (call $make (local.get $n)))
    (local.set $depth (i32.const 4))
    (loop $depths
      (local.set $i
        (i32.shl (i32.const 1) (i32.add (i32.sub (local.get $n) (local.get $depth)) (i32.const 4))))
      (loop $trees
        (local.set $sum (i32.add (local.get $sum) (call $check (call $make (local.get $depth)))))
        (br_if $trees (local.tee $i (i32.sub (local.get $i) (i32.const 1)))))
      (br_if $depths
        (i32.le_u (local.tee $depth (i32.add (local.get $depth) (i32.const 2))) (local.get $n))))
    (i32.add (local.get $sum) (call $check (ref.as_non_null (local.get $long))))))
