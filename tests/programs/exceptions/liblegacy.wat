;; The same in the older encoding.
(module
  (@dylink.0 (mem-info) (needed "libb.so"))
  (import "env" "throw_cpp" (func $throw_cpp (param i32)))
  (import "env" "throw_either" (func $throw_either (param i32)))
  (import "env" "__indirect_function_table" (table 1 funcref))
  (import "env" "__cpp_exception" (tag $cpp (param i32)))
  (import "env" "oops" (tag $oops (param i32 f64)))
  (type $thrower (func (param i32)))
  (global $cleaned (mut i32) (i32.const 0))
  (func (export "legacy_cleaned") (result i32) (global.get $cleaned))

  (func $pass (export "legacy_pass") (param i32)
    try
      (call $throw_cpp (local.get 0))
    catch_all
      (global.set $cleaned (i32.add (global.get $cleaned) (i32.const 1)))
      rethrow 0
    end)

  (func (export "legacy_call") (param $f i32) (param $x i32) (result i32)
    try (result i32)
      (call_indirect (type $thrower) (local.get $x) (local.get $f))
      i32.const -1
    catch $cpp
    end)

  (func (export "legacy_nested") (param i32) (result i32)
    (local $sum i32)
    (local.set $sum (i32.const 1000))
    try (result i32)
      try
        (local.set $sum (i32.add (local.get $sum) (i32.const 100)))
        (call $pass (local.get 0))
      catch $cpp
        local.get $sum
        i32.add
        local.set $sum
        (throw $cpp (i32.add (local.get 0) (i32.const 1)))
      end
      i32.const -1
    catch $cpp
    end
    local.get $sum
    i32.add)

  ;; The inner `try` hands over to the outermost: the handlers between see nothing.
  (func (export "legacy_delegate") (param i32) (result i32)
    try $outer (result i32)
      try (result i32)
        try
          (call $throw_either (local.get 0))
        delegate $outer
        i32.const -1
      catch_all
        i32.const -2
      end
    catch $cpp
    catch $oops
      drop
      i32.const 10000
      i32.add
    end)
)
