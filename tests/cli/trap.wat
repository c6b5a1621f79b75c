;; A trap ends in a message with the functions that were running, innermost first.
;;! $ dynvm trap.wasm
;;! $ dynvm --invoke divide trap.wasm 1 0
;;! $ dynvm --invoke divide trap.wasm -2147483648 -1
;;! $ dynvm --invoke load trap.wasm 65532
;;! $ dynvm --invoke load trap.wasm 65533
;;! $ dynvm --invoke load trap.wasm -1
;;! $ dynvm --invoke call trap.wasm 0
;;! $ dynvm --invoke call trap.wasm 1
;;! $ dynvm --invoke call trap.wasm 2
;;! $ dynvm --invoke call trap.wasm 99
;;! $ dynvm --invoke truncate trap.wasm nan
;;! $ dynvm --invoke deep trap.wasm 1000
;;! $ dynvm --invoke endless trap.wasm
(module $trap
  (type $nothing (func))
  (memory 1)
  (table funcref (elem $fine $takes null))
  (func $fine)
  (func $takes (param i32))
  (func $outer (export "_start") (call $middle (i32.const 1)))
  (func $middle (param i32) (call $inner (local.get 0)))
  (func $inner (param i32) (if (local.get 0) (then unreachable)))
  (func (export "divide") (param i32 i32) (result i32) (i32.div_s (local.get 0) (local.get 1)))
  (func (export "load") (param i32) (result i32) (i32.load (local.get 0)))
  (func (export "call") (param i32) (call_indirect (type $nothing) (local.get 0)))
  (func (export "truncate") (param f32) (result i32) (i32.trunc_f32_s (local.get 0)))
  (func $deep (export "deep") (param i32) (result i32)
    (if (result i32) (local.get 0)
      (then (i32.add (call $deep (i32.sub (local.get 0) (i32.const 1))) (i32.const 1)))
      (else (i32.const 0))))
  (func $endless (export "endless") (result i32) (i32.add (call $endless) (i32.const 1)))
)
