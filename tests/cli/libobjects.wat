;; A library that works on objects of the program's types: its own are the same ones, at other
;; indices. It has the program make some too, and keeps one without knowing what it is.
(module $libobjects
  (@dylink.0 (mem-info))
  (type $list (struct (field i32) (field (mut (ref null $list)))))
  (import "env" "cons" (func $cons (param i32 (ref null $list)) (result (ref $list))))
  (global $kept (mut externref) (ref.null extern))
  (func (export "keep") (param externref) (global.set $kept (local.get 0)))
  (func (export "kept") (result externref) (global.get $kept))
  (func (export "sum") (param $list (ref null $list)) (result i32) (local $sum i32)
    (local.set $list (call $cons (i32.const 10) (local.get $list)))
    (loop $more
      (local.set $sum (i32.add (local.get $sum) (struct.get $list 0 (local.get $list))))
      (br_if $more (i32.eqz (ref.is_null
        (local.tee $list (struct.get $list 1 (local.get $list)))))))
    (local.get $sum)))
