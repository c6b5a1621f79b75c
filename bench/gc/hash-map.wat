;; A map of boxed numbers: an array of chains that doubles when it is full; then lists are made from
;; what it holds, and cast back. Large arrays of references, and garbage between.
(module
  (type $box (struct (field $number i64)))
  (type $entry (struct (field $key i32) (field $value (mut anyref))
    (field $next (mut (ref null $entry)))))
  (type $table (array (mut (ref null $entry))))
  (type $map (struct (field $table (mut (ref $table))) (field $len (mut i32))))
  (type $list (struct (field $head anyref) (field $tail (ref null $list))))

  (func $slot (param $key i32) (param $table (ref $table)) (result i32)
    (i32.and
      (i32.xor (local.get $key) (i32.shr_u (i32.mul (local.get $key) (i32.const 0x9e3779b1))
        (i32.const 15)))
      (i32.sub (array.len (local.get $table)) (i32.const 1))))

  (func $find (param $map (ref $map)) (param $key i32) (result (ref null $entry))
    (local $entry (ref null $entry))
    (local.set $entry (array.get $table (struct.get $map $table (local.get $map))
      (call $slot (local.get $key) (struct.get $map $table (local.get $map)))))
    (block $done
      (loop $more
        (br_if $done (ref.is_null (local.get $entry)))
        (br_if $done (i32.eq (struct.get $entry $key (local.get $entry)) (local.get $key)))
        (local.set $entry (struct.get $entry $next (local.get $entry)))
        (br $more)))
    (local.get $entry))

  (func $grow (param $map (ref $map))
    (local $old (ref $table)) (local $new (ref $table)) (local $i i32) (local $slot i32)
    (local $entry (ref null $entry)) (local $next (ref null $entry))
    (local.set $old (struct.get $map $table (local.get $map)))
    (local.set $new
      (array.new_default $table (i32.shl (array.len (local.get $old)) (i32.const 1))))
    (loop $slots
      (local.set $entry (array.get $table (local.get $old) (local.get $i)))
      (block $empty
        (loop $chain
          (br_if $empty (ref.is_null (local.get $entry)))
          (local.set $next (struct.get $entry $next (local.get $entry)))
          (local.set $slot
            (call $slot (struct.get $entry $key (local.get $entry)) (local.get $new)))
          (struct.set $entry $next (local.get $entry)
            (array.get $table (local.get $new) (local.get $slot)))
          (array.set $table (local.get $new) (local.get $slot) (local.get $entry))
          (local.set $entry (local.get $next))
          (br $chain)))
      (br_if $slots (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1)))
        (array.len (local.get $old)))))
    (struct.set $map $table (local.get $map) (local.get $new)))

  (func $set (param $map (ref $map)) (param $key i32) (param $value anyref)
    (local $entry (ref null $entry)) (local $slot i32)
    (local.set $entry (call $find (local.get $map) (local.get $key)))
    (if (i32.eqz (ref.is_null (local.get $entry)))
      (then
        (struct.set $entry $value (local.get $entry) (local.get $value))
        (return)))
    (if (i32.gt_u (struct.get $map $len (local.get $map))
        (array.len (struct.get $map $table (local.get $map))))
      (then (call $grow (local.get $map))))
    (local.set $slot (call $slot (local.get $key) (struct.get $map $table (local.get $map))))
    (array.set $table (struct.get $map $table (local.get $map)) (local.get $slot)
      (struct.new $entry (local.get $key) (local.get $value)
        (array.get $table (struct.get $map $table (local.get $map)) (local.get $slot))))
    (struct.set $map $len (local.get $map)
      (i32.add (struct.get $map $len (local.get $map)) (i32.const 1))))

  (func $number (param $any anyref) (result i64)
    (if (ref.test (ref i31) (local.get $any))
      (then (return (i64.extend_i32_s (i31.get_s (ref.cast (ref i31) (local.get $any)))))))
    (struct.get $box $number (ref.cast (ref $box) (local.get $any))))

  (func (export "run") (param $len i32) (result i32)
    (local $map (ref $map)) (local $i i32) (local $round i32) (local $list (ref null $list))
    (local $sum i64)
    (local.set $map
      (struct.new $map (array.new_default $table (i32.const 16)) (i32.const 0)))
    (loop $rounds
      (local.set $i (i32.const 0))
      (local.set $list (ref.null $list))
      (loop $fill
        (call $set (local.get $map) (i32.mul (local.get $i) (i32.const 7))
          (if (result anyref) (i32.and (local.get $i) (i32.const 1))
            (then (ref.i31 (local.get $i)))
            (else (struct.new $box
              (i64.extend_i32_u (i32.add (local.get $i) (local.get $round)))))))
        (local.set $list (struct.new $list
          (struct.get $entry $value
            (call $find (local.get $map) (i32.mul (local.get $i) (i32.const 7))))
          (local.get $list)))
        (br_if $fill
          (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $len))))
      (loop $add
        (local.set $sum (i64.add (local.get $sum)
          (call $number (struct.get $list $head (local.get $list)))))
        (br_if $add (i32.eqz (ref.is_null
          (local.tee $list (struct.get $list $tail (local.get $list)))))))
      (br_if $rounds (i32.lt_u (local.tee $round (i32.add (local.get $round) (i32.const 1)))
        (i32.const 10))))
    (i32.wrap_i64 (local.get $sum))))
