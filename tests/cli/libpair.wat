;; A library with a function and a word of data.
;;! $ dynvm nm libpair.wasm
;;! > 00000004 D counter
;;! > 0000008c T fail
;;! > 00000077 T next
(module $libpair
  (@dylink.0 (mem-info (memory 8 3)))
  (import "env" "memory" (memory 0))
  (import "env" "__memory_base" (global $base i32))
  (global (export "counter") i32 (i32.const 4))
  (data (global.get $base) "\01\00\00\00\2a\00\00\00")
  (func $next (export "next") (result i32)
    (i32.store offset=4 (global.get $base)
      (i32.add (i32.load offset=4 (global.get $base)) (i32.const 1)))
    (i32.load offset=4 (global.get $base)))
  (func $fail (export "fail") (param i32) (result i32)
    (i32.div_u (i32.const 1) (local.get 0)))
)
