;; Stands between who throws and who catches, in the newer encoding.
(module
  (@dylink.0 (mem-info) (needed "libb.so"))
  (import "env" "throw_cpp" (func $throw_cpp (param i32)))
  (import "env" "__indirect_function_table" (table 1 funcref))
  (import "env" "__cpp_exception" (tag $cpp (param i32)))
  (type $thrower (func (param i32)))
  (global $cleaned (mut i32) (i32.const 0))
  (func (export "exnref_cleaned") (result i32) (global.get $cleaned))

  ;; A cleanup: catches what comes by and throws it on.
  (func $pass (export "exnref_pass") (param i32)
    (block $on (result exnref)
      (try_table (catch_all_ref $on) (call $throw_cpp (local.get 0)))
      (return))
    (global.set $cleaned (i32.add (global.get $cleaned) (i32.const 1)))
    (throw_ref))

  ;; A call of a function pointer: what comes out of it is caught here, or not.
  (func (export "exnref_call") (param $f i32) (param $x i32) (result i32)
    (block $caught (result i32)
      (try_table (catch $cpp $caught)
        (call_indirect (type $thrower) (local.get $x) (local.get $f)))
      (i32.const -1)))

  ;; Caught, thrown again and caught around it, with locals that live through all of it.
  (func (export "exnref_nested") (param i32) (result i32)
    (local $sum i32)
    (local.set $sum (i32.const 1000))
    (block $outer (result i32)
      (try_table (catch $cpp $outer)
        (block $inner (result i32 exnref)
          (try_table (catch_ref $cpp $inner)
            (local.set $sum (i32.add (local.get $sum) (i32.const 100)))
            (call $pass (local.get 0)))
          (return (i32.const -1)))
        (drop)
        (local.set $sum (i32.add (local.get $sum)))
        (throw $cpp (i32.add (local.get 0) (i32.const 1))))
      (unreachable))
    (i32.add (local.get $sum)))
)
