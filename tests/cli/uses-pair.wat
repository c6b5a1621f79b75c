;; A program of two dsos: a call, shared data, a function pointer, and a trap across the border.
;;! $ dynvm -L . uses-pair.wasm
;;! $ dynvm -L . --invoke through_pointer uses-pair.wasm
;;! $ dynvm -L . --invoke fails uses-pair.wasm
;;! $ dynvm uses-pair.wasm
;;! $ dynvm ldd -L . uses-pair.wasm
;;! $ dynvm nm uses-pair.wasm
(module $uses-pair
  (@dylink.0 (mem-info (memory 0 0)) (needed "libpair.so"))
  (import "env" "memory" (memory 0))
  (import "env" "__indirect_function_table" (table 0 funcref))
  (import "GOT.mem" "counter" (global $counter (mut i32)))
  (import "GOT.func" "next" (global $next_pointer (mut i32)))
  (import "env" "next" (func $next (result i32)))
  (import "env" "fail" (func $fail (param i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (func (export "_start")
    (drop (call $next))
    (call $proc_exit (i32.load (global.get $counter))))
  (func (export "through_pointer") (result i32)
    (call_indirect (result i32) (global.get $next_pointer)))
  (func $fails (export "fails") (result i32) (call $fail (i32.const 0)))
)
