;; A trap ends in a message with the functions that were running, innermost first.
;;! $ dynvm trap.wasm
;;! ! dynvm: wasm trap: unreachable
;;! !   #0 trap.wasm!inner+0x5
;;! !   #1 trap.wasm!middle+0x3
;;! !   #2 trap.wasm!outer+0x3
;;! ? 134
;;! $ dynvm --invoke divide trap.wasm 1 0
;;! ! dynvm: wasm trap: integer divide by zero
;;! !   #0 trap.wasm!divide+0x5
;;! ? 134
;;! $ dynvm --invoke divide trap.wasm -2147483648 -1
;;! ! dynvm: wasm trap: integer overflow
;;! !   #0 trap.wasm!divide+0x5
;;! ? 134
;;! $ dynvm --invoke load trap.wasm 65532
;;! > 0
;;! $ dynvm --invoke load trap.wasm 65533
;;! ! dynvm: wasm trap: out of bounds memory access: address 0x10000, the memory has 0x10000 bytes
;;! !   #0 trap.wasm!load+0x3
;;! ? 134
;;! $ dynvm --invoke load trap.wasm -1
;;! ! dynvm: wasm trap: out of bounds memory access: address 0xffffffff, the memory has 0x10000 bytes
;;! !   #0 trap.wasm!load+0x3
;;! ? 134
;;! $ dynvm --invoke call trap.wasm 0
;;! $ dynvm --invoke call trap.wasm 1
;;! ! dynvm: wasm trap: indirect call type mismatch: expected () -> (), found `trap.wasm!takes` of type (i32) -> () at table index 1
;;! !   #0 trap.wasm!call+0x3
;;! ? 134
;;! $ dynvm --invoke call trap.wasm 2
;;! ! dynvm: wasm trap: uninitialized element: table index 2 is null
;;! !   #0 trap.wasm!call+0x3
;;! ? 134
;;! $ dynvm --invoke call trap.wasm 99
;;! ! dynvm: wasm trap: undefined element: table index 99, the table has 3 elements
;;! !   #0 trap.wasm!call+0x3
;;! ? 134
;;! $ dynvm --invoke truncate trap.wasm nan
;;! ! dynvm: wasm trap: invalid conversion to integer
;;! !   #0 trap.wasm!truncate+0x3
;;! ? 134
;;! $ dynvm --invoke deep trap.wasm 1000
;;! > 1000
;;! $ dynvm --invoke endless trap.wasm
;;! ! dynvm: wasm trap: call stack exhausted
;;! !   #0 trap.wasm!endless+0x0
;;! !   #1 trap.wasm!endless+0x1 (63 frames)
;;! ? 134
(module $trap
  (type $nothing (func))
  (memory 1)
  (table funcref (elem (ref.func $fine) (ref.func $takes) (ref.null func)))
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
