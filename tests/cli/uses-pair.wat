;; A program of two dsos: a call, shared data, a function pointer, and a trap across the border.
;;! $ dynvm -L . uses-pair.wasm
;;! ? 43
;;! $ dynvm -L . --invoke through_pointer uses-pair.wasm
;;! > 43
;;! $ dynvm -L . --invoke fails uses-pair.wasm
;;! ! dynvm: wasm trap: integer divide by zero
;;! !   #0 libpair.wasm!fail+0x5
;;! !   #1 uses-pair.wasm!fails+0x3
;;! ? 134
;;! $ dynvm uses-pair.wasm
;;! ? 43
;;! $ dynvm ldd -L . uses-pair.wasm
;;! > uses-pair.wasm => uses-pair.wasm (memory 0x800400, table 0x1)
;;! > libpair.wasm => ./libpair.wasm (memory 0x800410, table 0x1), needed by uses-pair.wasm
;;! $ dynvm nm uses-pair.wasm
;;! >          U counter [GOT.mem]
;;! >          U fail
;;! > 00000110 T fails
;;! >          U next
;;! >          U next [GOT.func]
;;! >          U proc_exit [wasi_snapshot_preview1]
;;! > 00000108 T through_pointer
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
