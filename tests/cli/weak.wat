;; A weak function that nobody defines has address 0; a call of it traps and names it.
;;! $ dynvm weak.wasm
;;! ! dynvm: wasm trap: undefined symbol: `hook` (needed by weak.wasm)
;;! !   #0 weak.wasm!main+0x1
;;! ? 134
;;! $ dynvm --invoke address weak.wasm
;;! > 0
(module
  (@dylink.0 (import-info "env" "hook" binding-weak undefined))
  (import "env" "memory" (memory 0))
  (import "env" "hook" (func $hook))
  (import "GOT.func" "hook" (global $hook_pointer (mut i32)))
  (func $main (export "_start") (call $hook))
  (func (export "address") (result i32) (global.get $hook_pointer))
)
