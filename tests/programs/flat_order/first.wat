;; Its `strlen` counts the end too. Its `wrapped` is that of the module behind it, with a digit in
;; front; if there is none behind it, nobody asks for this one.
(module
  (import "env" "memory" (memory 1))
  (import "env" "wrapped" (func $wrapped (result i32)))
  (import "env" "strcmp" (func $strcmp (param i32 i32) (result i32)))
  (data (i32.const 2048) "Venus")
  (func (export "which") (result i32) (i32.const 1))
  (func (export "wrapped") (result i32) (i32.add (call $wrapped) (i32.const 10)))
  (func (export "strlen") (param i32) (result i32) (local $len i32)
    (loop $more
      (if (i32.load8_u (i32.add (local.get 0) (local.get $len)))
        (then (local.set $len (i32.add (local.get $len) (i32.const 1))) (br $more))))
    (i32.add (local.get $len) (i32.const 1))))
