;; The exit status is the guest's, eight bits of it.
;;! $ dynvm exit.wasm
;;! $ dynvm run exit.wasm
;;! $ dynvm exit.wasm 1 2 3
;;! ? 3
;;! $ dynvm --invoke leave exit.wasm 42
;;! ? 42
;;! $ dynvm --invoke leave exit.wasm 127
;;! ? 127
;;! $ dynvm --invoke leave exit.wasm 255
;;! ? 255
;;! $ dynvm --invoke leave exit.wasm 256
;;! $ dynvm --invoke add exit.wasm 2 40
;;! > 42
;;! $ dynvm --invoke add exit.wasm -1 0
;;! > -1
;;! $ dynvm --invoke both exit.wasm 7 2.5
;;! > 2.5
;;! > 7
;;! $ dynvm --invoke add exit.wasm 1
;;! ! dynvm: function `add` has type (i32, i32) -> (i32): expected 2 arguments, found 1
;;! ? 2
;;! $ dynvm --invoke add exit.wasm 1 x
;;! ! dynvm: expected an argument of type i32, found `x`
;;! ? 2
;;! $ dynvm --invoke nothing exit.wasm
;;! ! dynvm: `exit.wasm` exports no function `nothing`
;;! ? 127
;;! $ dynvm --invoke memory exit.wasm
;;! ! dynvm: `exit.wasm` exports no function `memory`
;;! ? 127
(module
  (import "wasi_snapshot_preview1" "args_sizes_get"
    (func $args_sizes_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 1)
  (func (export "_start")
    (drop (call $args_sizes_get (i32.const 0) (i32.const 4)))
    (call $proc_exit (i32.sub (i32.load (i32.const 0)) (i32.const 1)))
  )
  (func (export "leave") (param i32) (call $proc_exit (local.get 0)))
  (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
  (func (export "both") (param i64 f64) (result f64 i64) (local.get 1) (local.get 0))
)
