;; The time limit ends a program inside the constructor of a library that it opens, as anywhere else.
;;! $ dynvm --timeout 0.2 timeout-constructor.wasm
;;! ! dynvm: wasm trap: interrupted: the time limit of 0.2 s is over
;;! !   #0 libendless.wasm!__wasm_call_ctors+0x0
;;! !   #1 timeout-constructor.wasm!_start+0x5
;;! ? 134
(module
  (@dylink.0 (mem-info (memory 24 2)))
  (import "env" "memory" (memory 0))
  (import "env" "__memory_base" (global $base i32))
  (import "env" "dlopen" (func $dlopen (param i32 i32) (result i32)))
  (data (global.get $base) "libendless.wasm")
  (func (export "_start")
    (drop (call $dlopen (global.get $base) (i32.const 2)))))
