;; A splay tree, as in V8's and Octane's benchmark: 8,000 nodes with payloads live, and each of N
;; turns inserts one and removes another. Much survives each collection, and old objects point to
;; young ones.
(module
  (type $payload (array (mut i32)))
  (type $node (struct
    (field $key i32)
    (field $left (mut (ref null $node)))
    (field $right (mut (ref null $node)))
    (field $payload (ref $payload))))
  (global $root (mut (ref null $node)) (ref.null $node))
  (global $seed (mut i32) (i32.const 49734321))

  (func $random (result i32)
    (global.set $seed
      (i32.add (i32.mul (global.get $seed) (i32.const 1664525)) (i32.const 1013904223)))
    (i32.shr_u (global.get $seed) (i32.const 8)))

  (func $new (param $key i32) (result (ref $node))
    (struct.new $node (local.get $key) (ref.null $node) (ref.null $node)
      (array.new $payload (local.get $key) (i32.const 10))))

  ;; Brings the node with this key, or one beside where it would be, to the root: top down.
  (func $splay (param $key i32)
    (local $header (ref $node)) (local $left (ref $node)) (local $right (ref $node))
    (local $current (ref $node)) (local $next (ref null $node))
    (local.set $header (call $new (i32.const 0)))
    (local.set $left (local.get $header))
    (local.set $right (local.get $header))
    (local.set $current (ref.as_non_null (global.get $root)))
    (block $done
      (loop $more
        (if (i32.lt_u (local.get $key) (struct.get $node $key (local.get $current)))
          (then
            (br_if $done
              (ref.is_null (local.tee $next (struct.get $node $left (local.get $current)))))
            (if (i32.lt_u (local.get $key) (struct.get $node $key (local.get $next)))
              (then
                (struct.set $node $left (local.get $current)
                  (struct.get $node $right (local.get $next)))
                (struct.set $node $right (local.get $next) (local.get $current))
                (local.set $current (ref.as_non_null (local.get $next)))
                (br_if $done (ref.is_null (struct.get $node $left (local.get $current))))))
            (struct.set $node $left (local.get $right) (local.get $current))
            (local.set $right (local.get $current))
            (local.set $current
              (ref.as_non_null (struct.get $node $left (local.get $current))))
            (br $more)))
        (br_if $done (i32.eq (local.get $key) (struct.get $node $key (local.get $current))))
        (br_if $done
          (ref.is_null (local.tee $next (struct.get $node $right (local.get $current)))))
        (if (i32.gt_u (local.get $key) (struct.get $node $key (local.get $next)))
          (then
            (struct.set $node $right (local.get $current)
              (struct.get $node $left (local.get $next)))
            (struct.set $node $left (local.get $next) (local.get $current))
            (local.set $current (ref.as_non_null (local.get $next)))
            (br_if $done (ref.is_null (struct.get $node $right (local.get $current))))))
        (struct.set $node $right (local.get $left) (local.get $current))
        (local.set $left (local.get $current))
        (local.set $current (ref.as_non_null (struct.get $node $right (local.get $current))))
        (br $more)))
    (struct.set $node $right (local.get $left) (struct.get $node $left (local.get $current)))
    (struct.set $node $left (local.get $right) (struct.get $node $right (local.get $current)))
    (struct.set $node $left (local.get $current) (struct.get $node $right (local.get $header)))
    (struct.set $node $right (local.get $current) (struct.get $node $left (local.get $header)))
    (global.set $root (local.get $current)))

  (func $insert (param $key i32) (local $node (ref $node)) (local $root (ref $node))
    (local.set $node (call $new (local.get $key)))
    (if (ref.is_null (global.get $root))
      (then (global.set $root (local.get $node)) (return)))
    (call $splay (local.get $key))
    (local.set $root (ref.as_non_null (global.get $root)))
    (if (i32.eq (struct.get $node $key (local.get $root)) (local.get $key)) (then (return)))
    (if (i32.gt_u (local.get $key) (struct.get $node $key (local.get $root)))
      (then
        (struct.set $node $left (local.get $node) (local.get $root))
        (struct.set $node $right (local.get $node)
          (struct.get $node $right (local.get $root)))
        (struct.set $node $right (local.get $root) (ref.null $node)))
      (else
        (struct.set $node $right (local.get $node) (local.get $root))
        (struct.set $node $left (local.get $node)
          (struct.get $node $left (local.get $root)))
        (struct.set $node $left (local.get $root) (ref.null $node))))
    (global.set $root (local.get $node)))

  ;; Removes the node at the root.
  (func $remove (local $left (ref null $node)) (local $right (ref null $node)) (local $key i32)
    (local.set $key (struct.get $node $key (global.get $root)))
    (local.set $left (struct.get $node $left (global.get $root)))
    (local.set $right (struct.get $node $right (global.get $root)))
    (if (ref.is_null (local.get $left))
      (then (global.set $root (local.get $right)) (return)))
    (global.set $root (local.get $left))
    (call $splay (local.get $key))
    (struct.set $node $right (global.get $root) (local.get $right)))

  (func (export "run") (param $turns i32) (result i32) (local $i i32) (local $sum i32)
    (global.set $root (ref.null $node))
    (global.set $seed (i32.const 49734321))
    (loop $fill
      (call $insert (call $random))
      (br_if $fill
        (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 8000))))
    (loop $more
      (call $insert (call $random))
      (call $splay (call $random))
      (local.set $sum (i32.add (local.get $sum)
        (array.get $payload (struct.get $node $payload (global.get $root)) (i32.const 9))))
      (call $remove)
      (br_if $more (local.tee $turns (i32.sub (local.get $turns) (i32.const 1)))))
    (local.get $sum)))
